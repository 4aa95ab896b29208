#!/usr/bin/env bash
# The whole service on this machine: the emulator, and the very scripts that set it up on AWS.
#   ./local.sh [--detach] [--port N] [--fresh] [--dir DIR]     start; without --detach, Ctrl-C ends it
#   ./local.sh stop [--dir DIR]                                end it
#   ./local.sh status [--dir DIR]                              say whether it runs
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

action=start detach=no port=4566 fresh=no dir=.local
while [ $# -gt 0 ]; do
  case $1 in
    stop | status) action=$1 ;;
    --detach) detach=yes ;;
    --fresh) fresh=yes ;;
    --port | --dir)
      [ $# -ge 2 ] || fail "$1 needs a value"
      if [ "$1" = --port ]; then port=$2; else dir=$2; fi
      shift
      ;;
    *) fail "unknown option $1; see the first lines of local.sh" ;;
  esac
  shift
done
case $port in '' | *[!0-9]*) fail "--port needs a number" ;; esac
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# The emulator is ours only if the process still runs with our folder in its command line: ids are used again.
emulator() {
  local id
  id=$(cat "$dir/emulator.pid" 2>/dev/null) || return 1
  case $(ps -o args= -p "$id" 2>/dev/null) in
    *"emulator $dir"*) printf '%s' "$id" ;;
    *) return 1 ;;
  esac
}

# Ends the emulator and the functions it started, which are in its process group.
stop_emulator() {
  local id tries=0
  id=$(emulator) || return 0
  # The emulator first and alone: it saves its state as it ends.
  kill "$id" 2>/dev/null || true
  while kill -0 "$id" 2>/dev/null && [ $tries -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -KILL -- "-$id" 2>/dev/null || true
  rm -f "$dir/emulator.pid"
}

case $action in
  stop)
    if emulator >/dev/null; then
      stop_emulator
      say "stopped"
    else
      say "was not running"
    fi
    exit
    ;;
  status)
    emulator >/dev/null || { say "not running"; exit 1; }
    say "running; $dir/env holds its addresses"
    exit
    ;;
esac

missing=
command -v cargo >/dev/null 2>&1 || missing="$missing Rust (https://rustup.rs)"
command -v cc >/dev/null 2>&1 || missing="$missing a C compiler (Debian: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install)"
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
  missing="$missing Python 3.10 or newer with venv (Debian: apt install python3-venv)"
[ -z "$missing" ] || fail "missing:$missing"

venv=.local/venv
install_tools() {
  python3 -m venv --clear "$venv" &&
    "$venv/bin/pip" install --disable-pip-version-check --progress-bar off --requirement local/requirements.txt &&
    # Last: a folder without it is half made, and made anew.
    cp local/requirements.txt "$venv/requirements.txt"
}
if ! cmp -s local/requirements.txt "$venv/requirements.txt"; then
  say "tools: installing into $venv (about 900 MB, a minute or two)"
  mkdir -p .local
  long "tools: installing" "$dir/tools.log" install_tools || fail "the tools could not be installed; see $dir/tools.log"
fi
venv=$(cd "$venv" && pwd)
export PATH=$venv/bin:$PATH

! emulator >/dev/null || [ "$fresh" = no ] || stop_emulator
[ "$fresh" = no ] || rm -rf "$dir/state" "$dir/config.json"

endpoint=http://localhost:$port
build_configure
settings=$(configure shell config.json) || exit 1
eval "$settings"
if ! emulator >/dev/null; then
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use: choose another with --port N"
  fi
  say "emulator: starting on $endpoint"
  # A session of its own, so that its process group holds it and the functions that it starts, and nothing else.
  AUTH=true MINISTACK_ACCOUNT_ID=$AWS_ACCOUNT_ID AWS_ENDPOINT_URL=$endpoint GATEWAY_PORT=$port BIND_HOST=127.0.0.1 \
    PERSIST_STATE=1 STATE_DIR=$dir/state S3_PERSIST=1 S3_DATA_DIR=$dir/state/s3 IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 PYTHONPATH=local PYTHONDONTWRITEBYTECODE=1 \
    "$venv/bin/python" -c 'import os, sys; os.setsid(); os.execv(sys.executable, [sys.executable, "-m", "emulator", sys.argv[1]])' \
    "$dir" >"$dir/emulator.log" 2>&1 &
  echo $! >"$dir/emulator.pid"
  tries=0
  until curl --silent --fail --output /dev/null "$endpoint/_ministack/ses/messages"; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 "$(cat "$dir/emulator.pid")" 2>/dev/null; then
      tail -5 "$dir/emulator.log" >&2
      fail "the emulator does not answer; see $dir/emulator.log"
    fi
    sleep 0.1
  done
fi
if [ "$detach" = no ]; then
  trap 'stop_emulator; say "stopped"' EXIT
  trap 'exit 130' INT TERM
fi

# The owner's configuration, with pages and bucket of this machine and what init.sh wrote last time.
"$venv/bin/python" - "$dir/config.json" "$BUCKET" "$endpoint" <<'END'
import json, os, sys
path, bucket, endpoint = sys.argv[1:]
config = json.load(open("config.json"))
config.pop("CLI_PROFILE", None)
for key in ("IDENTITY_POOL_ID", "SITE_URL", "AUTHENTICATED_ROLE"):
    config.pop(key, None)
    if os.path.exists(path) and key in (kept := json.load(open(path))):
        config[key] = kept[key]
config.update(BUCKET=bucket, VERIFICATION_PAGE=f"{endpoint}/{bucket}/verify.html", RESET_PAGE=f"{endpoint}/{bucket}/resetPassword.html")
json.dump(config, open(path, "w"), indent=2)
END
export AWS_ENDPOINT_URL=$endpoint AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION
./init.sh --config "$dir/config.json"

if ! aws s3api get-bucket-policy --bucket latchkey-inbox >/dev/null 2>&1; then
  aws s3 mb s3://latchkey-inbox >/dev/null
  aws s3api delete-public-access-block --bucket latchkey-inbox
  aws s3api put-bucket-policy --bucket latchkey-inbox --policy '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::latchkey-inbox/*"}]}'
fi
aws s3 sync --quiet local/inbox s3://latchkey-inbox

settings=$(configure shell "$dir/config.json") || exit 1
eval "$settings"
cat >"$dir/env" <<END
AWS_ENDPOINT_URL='$endpoint'
AWS_REGION='$REGION'
AWS_ACCOUNT_ID='$AWS_ACCOUNT_ID'
AWS_ACCESS_KEY_ID='test'
AWS_SECRET_ACCESS_KEY='test'
IDENTITY_POOL_ID='$IDENTITY_POOL_ID'
DEVELOPER_PROVIDER_NAME='$DEVELOPER_PROVIDER_NAME'
DDB_TABLE='$DDB_TABLE'
FUNCTION_PREFIX='$FUNCTION_PREFIX'
SITE_URL='$SITE_URL'
INBOX_URL='$endpoint/latchkey-inbox/index.html'
MAILS_URL='$endpoint/_ministack/ses/messages'
END
say "pages: $SITE_URL"
say "inbox: $endpoint/latchkey-inbox/index.html"
if [ "$detach" = no ]; then
  say "Ctrl-C ends the service"
  while emulator >/dev/null; do sleep 1; done
  fail "the emulator ended by itself; see $dir/emulator.log"
fi
