# shellcheck shell=bash
# What the local cloud and the checks need beside Rust: Python packages in a virtual environment under .local/.

# Sets VENV and puts its programs first on the path. Says at once what is missing on the machine.
tools() { # folder for the log
  local missing=
  command -v cargo >/dev/null 2>&1 || missing="$missing; Rust (https://rustup.rs)"
  command -v cc >/dev/null 2>&1 ||
    missing="$missing; a C compiler (Debian: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install)"
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    missing="$missing; Python 3.10 or newer with venv (Debian: apt install python3-venv; Fedora: dnf install python3; macOS: brew install python)"
  [ -z "$missing" ] || fail "missing: ${missing#; }"

  VENV=.local/venv
  if ! cmp -s local/requirements.txt "$VENV/requirements.txt"; then
    say "tools: installing into $VENV (about 900 MB, a minute or two)"
    mkdir -p .local
    long "tools: installing" "$1/tools.log" install_tools || fail "the tools could not be installed; see $1/tools.log"
  fi
  VENV=$PWD/.local/venv
  export PATH=$VENV/bin:$PATH
}

install_tools() {
  python3 -m venv --clear "$VENV" &&
    "$VENV/bin/pip" install --disable-pip-version-check --progress-bar off --requirement local/requirements.txt &&
    # Last: a folder without it is half made, and made anew.
    cp local/requirements.txt "$VENV/requirements.txt"
}

# A port on which nothing listens.
free_port() {
  python -c 'import socket; probe = socket.socket(); probe.bind(("127.0.0.1", 0)); print(probe.getsockname()[1])'
}
