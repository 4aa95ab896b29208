# shellcheck shell=bash
# What the local cloud and the checks need beside Rust: Python packages in a virtual environment under .local/.
#
# They come in groups, so that nobody waits for what they do not use: the local cloud itself, `checks` (what ./test.sh needs)
# and `deploy` (what builds the functions as they are deployed).

# Says at once what is missing on the machine, and sets VENV and puts its programs first on the path.
need_tools() {
  local missing=
  command -v cargo >/dev/null 2>&1 || missing="$missing; Rust (https://rustup.rs)"
  command -v cc >/dev/null 2>&1 ||
    missing="$missing; a C compiler (Debian: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install)"
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    missing="$missing; Python 3.10 or newer with venv (Debian: apt install python3-venv; Fedora: dnf install python3; macOS: brew install python)"
  [ -z "$missing" ] || fail "missing: ${missing#; }"
  VENV=$PWD/.local/venv
  # Once, so that what the tests put before it stays before it.
  case :$PATH: in
    *":$VENV/bin:"*) ;;
    *) export PATH=$VENV/bin:$PATH ;;
  esac
}

# The file of a group's requirements.
requirements() { # group
  if [ "$1" = cloud ]; then echo local/requirements.txt; else echo "local/requirements-$1.txt"; fi
}

# Whether a group is installed as its file asks for it. The copy of the file is made last.
installed() { # group
  cmp -s "$(requirements "$1")" "$VENV/$1.txt"
}

install_groups() { # groups...
  local group
  if ! installed cloud; then
    python3 -m venv --clear "$VENV" || return
  fi
  for group in cloud "$@"; do
    installed "$group" || {
      # Python compiles what is run when it is run first, which is a fraction of what is installed.
      "$VENV/bin/pip" install --no-compile --disable-pip-version-check --progress-bar off --requirement "$(requirements "$group")" &&
        cp "$(requirements "$group")" "$VENV/$group.txt"
    } || return
  done
}

# Begins to install what is missing of the local cloud's group and of those named, beside whatever the script does next.
# finish_tools waits for it.
begin_tools() { # folder for the log, groups...
  local group wanted=
  need_tools
  TOOLS_LOG=$1/tools.log TOOLS_JOB=
  shift
  for group in cloud "$@"; do
    installed "$group" || wanted="$wanted $group"
  done
  if [ -n "$wanted" ]; then
    say "tools: installing into .local/venv:$wanted"
    install_groups "$@" >"$TOOLS_LOG" 2>&1 &
    TOOLS_JOB=$!
  fi
}

finish_tools() {
  [ -n "$TOOLS_JOB" ] || return 0
  wait "$TOOLS_JOB" || {
    tail -n 20 "$TOOLS_LOG" >&2
    fail "the tools could not be installed; see $TOOLS_LOG"
  }
  TOOLS_JOB=
  say "tools: installed"
}

# For a script that ends before finish_tools.
end_tools() {
  if [ -n "${TOOLS_JOB:-}" ]; then
    pkill -P "$TOOLS_JOB" 2>/dev/null || true
    kill "$TOOLS_JOB" 2>/dev/null || true
  fi
}

# The AWS CLI takes most of its time to load: from here on, a process that has loaded it runs every call of this script and of those that
# it calls. It ends with the script, if not before.
AWS_CLI=
begin_aws_cli() { # folder
  local folder=$1/aws
  [ "$(command -v aws)" = "$VENV/bin/aws" ] || return 0
  rm -rf "$folder"
  "$VENV/bin/python" local/aws_cli/server.py "$folder" </dev/null >"$1/aws.log" 2>&1 &
  AWS_CLI=$!
  until [ -S "$folder/socket" ]; do
    kill -0 $AWS_CLI 2>/dev/null || fail "the AWS CLI cannot be loaded; see $1/aws.log"
    sleep 0.1
  done
  export PATH=$folder:$PATH
}

end_aws_cli() {
  [ -n "$AWS_CLI" ] || return 0
  kill "$AWS_CLI" 2>/dev/null || true
  export PATH=${PATH#*:}
  AWS_CLI=
}

# The AWS SDK for JavaScript that the sample's own pages load, out of its package. tests/samples/README.md says why.
need_sample_sdk() {
  local version=2.3.7 sha256=a6e3c18cd808f3b650d0af6bdfea62a693119703949f6f7bb40e889d48f08ced folder=.local/sample-sdk file
  file=$folder/aws-sdk-$version.min.js
  [ ! -e "$file" ] || return 0
  need npm "it comes with Node.js, see https://nodejs.org"
  mkdir -p "$folder"
  {
    npm pack --silent --pack-destination "$folder" "aws-sdk@$version" >/dev/null &&
      tar -xzf "$folder/aws-sdk-$version.tgz" -C "$folder" package/dist/aws-sdk.min.js 2>/dev/null
  } ||
    fail "the package aws-sdk $version could not be fetched with npm: the sample's own pages need it"
  [ "$(sha256 <"$folder/package/dist/aws-sdk.min.js")" = $sha256 ] || fail "the package aws-sdk $version is not the one that is known"
  mv "$folder/package/dist/aws-sdk.min.js" "$file"
}

# A port on which nothing listens.
free_port() {
  python3 -c 'import socket; probe = socket.socket(); probe.bind(("127.0.0.1", 0)); print(probe.getsockname()[1])'
}
