#!/usr/bin/env bash
# The whole service on this machine: the emulator, and the very scripts that set it up on AWS.
#   ./local.sh [--detach] [--port N] [--fresh] [--dir DIR] [--ses-sandbox]     start; without --detach, Ctrl-C ends it
#   ./local.sh stop [--dir DIR]                                end it
#   ./local.sh status [--dir DIR]                              say whether it runs, and where
#   ./local.sh [--dir DIR] audit [--since 1h] [--account A]    what truly happened in each call: ./audit.sh, for this machine
#   ./local.sh [--dir DIR] import-users USERS.jsonl            users of another system: ./import-users.sh, for this machine
# --fresh forgets users and mails. --dir DIR keeps everything in DIR instead of .local, for a second one beside the first.
# --ses-sandbox: SES takes mail to verified addresses only, as for a new AWS account; a start without it ends that.
# LATCHKEY_BUILD=lambda runs the functions as they are deployed on AWS, which takes minutes to build.
set -euo pipefail
cd "$(dirname "$0")"
export LATCHKEY_BUILD=${LATCHKEY_BUILD:-host}
# shellcheck disable=SC2034 # scripts/common.sh looks at it
LOCAL_ENDPOINT=http://localhost:0
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

action=start detach=no port='' fresh=no sandbox=no dir=.local
while [ $# -gt 0 ]; do
  case $1 in
    stop | status) action=$1 ;;
    audit | import-users)
      action=$1
      shift
      break
      ;;
    --detach) detach=yes ;;
    --fresh) fresh=yes ;;
    --ses-sandbox) sandbox=yes ;;
    --port | --dir)
      [ $# -ge 2 ] || fail "$1 needs a value"
      if [ "$1" = --port ]; then
        port=$2
        case $port in '' | *[!0-9]* | ??????*) fail "--port needs a number up to 65535" ;; esac
      else
        dir=$2
      fi
      shift
      ;;
    --help | -h)
      sed -n '2,10s/^# //p' "$0"
      exit
      ;;
    *) fail "unknown option $1; see ./local.sh --help" ;;
  esac
  shift
done
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# --- the emulator's process -------------------------------------------------------------------------------------

# The emulator is ours only if the process still runs with our folder in its command line: ids are used again.
emulator() {
  local id
  id=$(cat "$dir/emulator.pid" 2>/dev/null) || return 1
  # One that this script has just started does not show its command line at once.
  if [ "$id" = "${started:-}" ]; then
    kill -0 "$id" 2>/dev/null || return 1
    printf '%s' "$id"
    # With its status: within a trap, a return without one has that of the command before the trap.
    return 0
  fi
  case $(ps -o args= -p "$id" 2>/dev/null) in
    *"emulator $dir"*) printf '%s' "$id" ;;
    *) return 1 ;;
  esac
}

# Functions that the emulator started are in its process group, and outlive one that was killed.
end_functions() { # process group
  if ps -A -o pgid=,args= | awk -v group="$1" '$1 == group && /bootstrap/ { found = 1 } END { exit !found }'; then
    kill -KILL -- "-$1" 2>/dev/null || true
  fi
}

stop_emulator() {
  local id tries=0
  if id=$(emulator); then
    # First and alone: it saves its state as it ends.
    kill "$id" 2>/dev/null || true
    while emulator >/dev/null && [ $tries -lt 100 ]; do
      sleep 0.1
      tries=$((tries + 1))
    done
    if emulator >/dev/null; then
      kill -KILL "$id" 2>/dev/null || true
      rm -f "$dir/deployed"
    fi
  elif [ -e "$dir/emulator.pid" ]; then
    # It ended by itself, and saved nothing of what came after its start.
    rm -f "$dir/deployed"
  fi
  id=$(cat "$dir/emulator.pid" 2>/dev/null) || return 0
  end_functions "$id"
  rm -f "$dir/emulator.pid"
}

case $action in
  stop)
    if emulator >/dev/null; then
      stop_emulator
      say "stopped"
    else
      stop_emulator
      say "was not running"
    fi
    exit
    ;;
  status)
    emulator >/dev/null || {
      say "not running"
      exit 1
    }
    [ -e "$dir/env" ] || {
      say "starting"
      exit 1
    }
    # shellcheck disable=SC1091 # written below
    . "$dir/env"
    say "running"
    say "pages: $SITE_URL"
    say "inbox: $INBOX_URL"
    exit
    ;;
esac

need_tools

# Nothing of the caller's own AWS settings may reach the emulator, nor what it starts.
for name in $(compgen -e AWS_ || true); do unset "$name"; done
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

if [ "$action" != start ]; then
  [ -e "$dir/env" ] || fail "it does not run: ./local.sh --detach starts it"
  set -a
  # shellcheck disable=SC1091 # written below
  . "$dir/env"
  set +a
  LATCHKEY_BUILD=host AWS_DEFAULT_REGION=$AWS_REGION exec "./$action.sh" --config "$dir/config.json" "$@"
fi

trap end_tools EXIT
if [ "$LATCHKEY_BUILD" = host ]; then begin_tools "$dir"; else begin_tools "$dir" deploy; fi
if [ "$LATCHKEY_BUILD" = host ] && [ ! -e "$TARGET/debug/login" ]; then
  say "functions: building (the first time takes a minute or two)"
fi
build_latchkey
finish_tools

# --- the emulator -----------------------------------------------------------------------------------------------

if [ "$fresh" = yes ]; then
  stop_emulator
  rm -rf "$dir/state" "$dir/config.json" "$dir/env" "$dir/deployed"
fi
running=no
if emulator >/dev/null; then
  running=yes
  at=$(cat "$dir/port")
  plain_port=$(cat "$dir/plain-port" 2>/dev/null) || fail "it was started by another version of this script: ./local.sh stop ends it"
  [ -z "$port" ] || [ "$port" = "$at" ] || fail "it runs on port $at: ./local.sh stop ends it"
  port=$at
fi
port=${port:-4566}
endpoint=http://localhost:$port
settings=$(latchkey shell config.json) || exit 1
eval "$settings"
add_packages
# The digest below is taken of what is built.
[ -z "$MORE_PACKAGES" ] || [ "$LATCHKEY_BUILD" != host ] || build_host "$TARGET/host.log" "$MORE_PACKAGES"

if [ $running = no ]; then
  # Whatever ends this script before the service answers, and Ctrl-C after that, ends what it started.
  ready=no
  trap '[ $ready = yes ] || stop_emulator' EXIT
  trap 'exit 130' INT TERM HUP
  stop_emulator
  # The state of the last run names addresses that may differ now.
  rm -f "$dir/env"
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use: choose another with --port N"
  fi
  say "emulator: starting on $endpoint"
  printf '%s' "$port" >"$dir/port"
  # What arrives at the first port counts as TLS; a second one shows what is refused without.
  plain_port=$(free_port)
  printf '%s' "$plain_port" >"$dir/plain-port"
  # A session of its own, so that its process group holds it and the functions that it starts, and nothing else.
  AUTH=true MINISTACK_ACCOUNT_ID=$AWS_ACCOUNT_ID AWS_ENDPOINT_URL=$endpoint RESPONSE_TEST_ENDPOINT=$endpoint GATEWAY_PORT=$port PLAIN_PORT=$plain_port \
    BIND_HOST=127.0.0.1 \
    PERSIST_STATE=1 STATE_DIR=$dir/state S3_PERSIST=1 S3_DATA_DIR=$dir/state/s3 IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 \
    PYTHONPATH=local PYTHONPYCACHEPREFIX=$PWD/.local/pycache \
    "$VENV/bin/python" -c 'import os, sys; os.setsid(); os.execv(sys.executable, [sys.executable, "-m", "emulator", sys.argv[1]])' \
    "$dir" </dev/null >"$dir/emulator.log" 2>&1 &
  started=$!
  echo "$started" >"$dir/emulator.pid"
  "$VENV/bin/python" - "$endpoint/_ministack/ses/messages" "$started" <<'END' || {
import os, sys, time, urllib.request

address, process = sys.argv[1], int(sys.argv[2])
for _ in range(300):
    try:
        urllib.request.urlopen(address, timeout=10).close()
        break
    except OSError:
        os.kill(process, 0)
        time.sleep(0.1)
else:
    sys.exit(1)
END
    tail -n 5 "$dir/emulator.log" >&2
    fail "the emulator does not answer; see $dir/emulator.log"
  }
fi

# --- the service ------------------------------------------------------------------------------------------------

# The owner's configuration, with pages and bucket of this machine and what init.sh wrote last time.
"$VENV/bin/python" - "$dir/config.json" "$BUCKET" "$endpoint" <<'END'
import json, os, sys

path, bucket, endpoint = sys.argv[1:]
kept = json.load(open(path)) if os.path.exists(path) else {}
written = ("IDENTITY_POOL_ID", "SITE_URL", "AUTHENTICATED_ROLE")
config = {key: value for key, value in json.load(open("config.json")).items() if key not in ("CLI_PROFILE", *written)}
config.update({key: kept[key] for key in written if key in kept})
site = f"{endpoint}/{bucket}"
config.update(BUCKET=bucket, VERIFICATION_PAGE=f"{site}/verify.html", RESET_PAGE=f"{site}/resetPassword.html")
with open(path, "w") as file:
    json.dump(config, file, indent=2)
END
export AWS_ENDPOINT_URL=$endpoint AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION

# The emulator keeps the sandbox with its state.
ses_sandbox() { # --production-access-enabled, or --no- in front of it
  aws sesv2 put-account-details --mail-type TRANSACTIONAL --website-url http://localhost "$1"
}
if [ $sandbox = yes ]; then
  ses_sandbox --no-production-access-enabled
  : >"$dir/sandbox"
elif [ -e "$dir/sandbox" ]; then
  ses_sandbox --production-access-enabled
  rm -f "$dir/sandbox"
fi

publish_inbox() {
  if ! aws s3api get-bucket-policy --bucket latchkey-inbox >/dev/null 2>&1; then
    aws s3 mb s3://latchkey-inbox >/dev/null
    aws s3api delete-public-access-block --bucket latchkey-inbox
    aws s3api put-bucket-policy --bucket latchkey-inbox --policy '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::latchkey-inbox/*"}]}'
  fi
  aws s3 sync --quiet local/inbox s3://latchkey-inbox
}

# What the last start set up is still there, unless the emulator could not save its state: then stop_emulator has removed its record.
# It holds a digest of the configuration, which init.sh looks at, and one of all that deploy.sh does.
digests() {
  latchkey shell "$dir/config.json" | sha256
  {
    latchkey shell "$dir/config.json"
    cat template.yaml
    printf '%s' "$LATCHKEY_BUILD $endpoint"
    find web local/inbox scripts ./*.sh -type f -exec cat {} +
    if [ "$LATCHKEY_BUILD" = host ]; then
      # shellcheck disable=SC2086 # one word for each
      (cd "$TARGET/debug" && cat latchkey $PACKAGES $MORE_PACKAGES)
    else
      date
    fi
  } | sha256
}
recorded=$(cat "$dir/deployed" 2>/dev/null || true)
found=$(digests)
if [ "$recorded" = "$found" ]; then
  say "stack, functions and pages: nothing to change"
else
  # What fails half-way is no longer what the record says.
  rm -f "$dir/deployed"
  begin_aws_cli "$dir"
  publish_inbox &
  if [ "${recorded%%$'\n'*}" = "${found%%$'\n'*}" ]; then
    ./deploy.sh --config "$dir/config.json"
  else
    ./init.sh --config "$dir/config.json"
  fi
  wait $! || fail "the inbox could not be published"
  end_aws_cli
  digests >"$dir/deployed"
fi

settings=$(latchkey shell "$dir/config.json") || exit 1
eval "$settings"
cat >"$dir/env" <<END
AWS_ENDPOINT_URL='$endpoint'
PLAIN_ENDPOINT_URL='http://localhost:$plain_port'
AWS_REGION='$REGION'
AWS_ACCOUNT_ID='$AWS_ACCOUNT_ID'
AWS_ACCESS_KEY_ID='test'
AWS_SECRET_ACCESS_KEY='test'
LATCHKEY_BUILD='$LATCHKEY_BUILD'
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
if [ $running = yes ]; then
  say "it was running before: ./local.sh stop ends it"
elif [ "$detach" = yes ]; then
  ready=yes
  say "it runs on in the background: ./local.sh stop ends it"
else
  say "Ctrl-C ends it"
  while emulator >/dev/null; do sleep 1; done
  tail -n 5 "$dir/emulator.log" >&2
  fail "the emulator ended by itself; see $dir/emulator.log"
fi
