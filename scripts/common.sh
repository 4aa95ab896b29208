# shellcheck shell=bash
# What the scripts share: saying what happens, and reading the configuration. scripts/stack.sh has the stack.

# Scripts that call each other count from the start of the first.
export LATCHKEY_STARTED=${LATCHKEY_STARTED:-$(date +%s)}
SECONDS=$(($(date +%s) - LATCHKEY_STARTED))

say() {
  printf '[%3ss] %s\n' "$SECONDS" "$*"
}

# One line with the cause and the remedy, and nothing after it.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

need() { # command, how to get it
  command -v "$1" >/dev/null 2>&1 || fail "$1 is not installed: $2"
}

# Ends the script with what the AWS CLI complained about, in one line, and what to do about it.
fail_call() { # complaint
  local complaint
  complaint=$(printf '%s' "$1" | tr -s '[:space:]' ' ' | cut -c 1-600)
  complaint=${complaint# }
  case ${complaint:=the AWS CLI failed without a word} in
    *AccessDenied* | *"not authorized"* | *Forbidden*)
      fail "${complaint% }; let the user of your credentials do this, and run the script again" ;;
    *) fail "${complaint% }; put that right, and run the script again" ;;
  esac
}

# Runs a call that has to succeed. What the AWS CLI says beside its answer, such as a warning, is no part of it.
must() { # command...
  local complaint status=0
  { complaint=$("$@" 2>&1 >&3 3>&-) || status=$?; } 3>&1
  [ $status = 0 ] || fail_call "$complaint"
  [ -z "$complaint" ] || printf '%s\n' "$complaint" >&2
}

# Runs what takes long with its output in a file, and says every quarter of a minute how far it is.
long() { # what it is, file, command...
  local what=$1 log=$2 status=0 ticker at_exit
  shift 2
  mkdir -p "$(dirname "$log")"
  : >"$log"
  # A child that is killed as soon as it is forked still has this script's trap, and would run it.
  at_exit=$(trap -p EXIT)
  trap - EXIT
  (
    passed=0
    # Ends with this script, however that ends.
    while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
      passed=$((passed + 1))
      if [ $((passed % 15)) = 0 ]; then
        say "$what: $(tail -n 1 "$log" | tr -s '[:space:]' ' ' | cut -c 1-100)"
      fi
    done
  ) &
  ticker=$!
  eval "$at_exit"
  "$@" >"$log" 2>&1 || status=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if [ $status != 0 ]; then
    tail -n 20 "$log" >&2
  fi
  return $status
}

# Sets PRIVATE, a folder that only this user can read. It is removed when the script ends, however it ends.
PRIVATE=
private_folder() {
  [ -z "$PRIVATE" ] || return 0
  PRIVATE=$(mktemp -d)
  trap 'rm -rf "$PRIVATE"' EXIT
}

TARGET=${CARGO_TARGET_DIR:-target}

# How the functions are built: "lambda", as they are deployed on AWS, or "host", the debug build of this machine, which the local
# cloud runs. A host build shares all that it compiles with the tests.
BUILD=${LATCHKEY_BUILD:-lambda}
case $BUILD in
  lambda) ;;
  host)
    case ${LOCAL_ENDPOINT:-${AWS_ENDPOINT_URL:-}} in
      http://localhost:* | http://127.0.0.1:*) ;;
      *) fail "LATCHKEY_BUILD=host is for a local cloud only: unset it" ;;
    esac
    ;;
  *) fail "LATCHKEY_BUILD should be lambda or host" ;;
esac

# The packages of the functions, which are built before the program that knows the list of functions; a test compares the two.
PACKAGES=$(cd functions && echo *)\ lambda-trigger

# The package of the function that only a setting asks for. Needs the settings.
MORE_PACKAGES=
add_packages() {
  [ -z "$ALARM_EMAIL" ] || MORE_PACKAGES=notifier
}

# The arguments by which cargo takes each of these packages.
packages() { # packages...
  printf -- '--package %s ' "$@"
}

# Builds functions and tools for this machine, all in one go and together with the tests' package: with another choice of packages
# cargo would choose other features of their dependencies, and compile the SDKs once more.
build_host() { # log, further packages...
  local log=$1
  shift
  # shellcheck disable=SC2046,SC2086 # one word for each
  long "building for this machine" "$log" cargo build --locked $(packages latchkey $PACKAGES end-to-end "$@") ||
    fail "the functions do not build; see $log"
}

# tools/latchkey, the program behind the scripts.
latchkey() {
  if [ "$BUILD" = host ]; then
    "$TARGET/debug/latchkey" "$@"
  else
    cargo run --quiet --locked --package latchkey -- "$@"
  fi
}

build_latchkey() {
  need cargo "see https://rustup.rs"
  if [ "$BUILD" = host ]; then
    build_host "$TARGET/host.log"
  else
    long "tools: building" "$TARGET/latchkey.log" cargo build --locked --package latchkey ||
      fail "tools/latchkey does not build; see $TARGET/latchkey.log"
  fi
}

# Builds one of the other tools, to be run as $TARGET/debug/<its name>.
build_tool() { # package
  if [ "$BUILD" = host ]; then
    build_host "$TARGET/host.log" "$1"
  else
    long "tools: building" "$TARGET/$1.log" cargo build --locked --package "$1" ||
      fail "tools/$1 does not build; see $TARGET/$1.log"
  fi
}

# Builds the functions and leaves in BUILT the folder of their binaries, and in ZIPS that of their zips, by binary: BINARIES, where a
# package has others than one of its own name. For Lambda no other package is built with them: a library would get features that only
# a tool asks for. So the one that a setting asks for is built by itself, and the functions are the same with the setting and without it.
build_functions() { # cargo lambda's options...
  if [ "$BUILD" = host ]; then
    # shellcheck disable=SC2086 # one word for each
    build_host "$TARGET/host.log" $MORE_PACKAGES
    BUILT=$TARGET/debug ZIPS=$TARGET/host
    # shellcheck disable=SC2086 # one word for each
    pack ${BINARIES:-$PACKAGES $MORE_PACKAGES} || fail "the functions could not be packed into $ZIPS"
    return
  fi
  need cargo-lambda "pip install cargo-lambda brings it, with the zig that it builds with"
  say "functions: building (the first time takes minutes)"
  local group
  for group in "$PACKAGES" ${MORE_PACKAGES:+"$MORE_PACKAGES"}; do
    # shellcheck disable=SC2046,SC2086 # one word for each
    long "functions: building" "$TARGET/functions.log" cargo lambda build --release --locked --output-format zip "$@" $(packages $group) ||
      fail "the functions do not build; see $TARGET/functions.log"
  done
  BUILT=$TARGET/x86_64-unknown-linux-gnu/release ZIPS=$TARGET/lambda
  case " $* " in *' --arm64 '*) BUILT=$TARGET/aarch64-unknown-linux-gnu/release ;; esac
}

# Packs the host's binaries as Lambda takes them, those that are newer than their zip. Symbols stay out, which are most of the bytes.
pack() { # binaries...
  python3 - "$BUILT" "$ZIPS" "$@" <<'END'
import os, pathlib, subprocess, sys, tempfile, zipfile

built, zips = map(pathlib.Path, sys.argv[1:3])
for package in sys.argv[3:]:
    binary, archive = built / package, zips / package / "bootstrap.zip"
    if archive.exists() and archive.stat().st_mtime_ns > binary.stat().st_mtime_ns:
        continue
    archive.parent.mkdir(parents=True, exist_ok=True)
    # Two scripts may pack at the same time: each makes a whole one, and the last stays.
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        bootstrap, made = os.path.join(folder, "bootstrap"), os.path.join(folder, "bootstrap.zip")
        subprocess.run(["strip", "-o", bootstrap, binary], check=True)
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            file.write(bootstrap, "bootstrap")
        os.replace(made, archive)
END
}

# The options of both scripts: --config FILE, and those of each script's own, which take no value.
read_options() { # the script's own options, with spaces between them, and what was given...
  local own=$1
  shift
  CONFIG=config.json OPTIONS=' '
  while [ $# -gt 0 ]; do
    case $1 in
      --config)
        [ $# -ge 2 ] || fail "--config needs a file"
        CONFIG=$2
        shift 2
        ;;
      *)
        case " $own " in
          *" $1 "*) OPTIONS="$OPTIONS$1 " ;;
          *) fail "unknown option $1; there are --config FILE and $own" ;;
        esac
        shift
        ;;
    esac
  done
}

# Whether one of the script's own options was given.
has_option() { # option
  case $OPTIONS in *" $1 "*) ;; *) return 1 ;; esac
}

# shellcheck source=scripts/stack.sh
. scripts/stack.sh
# shellcheck source=scripts/keys.sh
. scripts/keys.sh
# shellcheck source=scripts/mail.sh
. scripts/mail.sh

# Checks the configuration and the credentials, and sets a variable for each setting; FUNCTIONS is a line for each function, its
# name in the stack and its package.
prepare() {
  need aws "see https://aws.amazon.com/cli/"
  build_latchkey
  local settings
  settings=$(latchkey shell "$CONFIG") || exit 1
  eval "$settings"
  FUNCTIONS=$(latchkey functions "$CONFIG") || exit 1
  add_packages
  export AWS_DEFAULT_REGION=$REGION AWS_REGION=$REGION AWS_PAGER=
  # An endpoint of one's own is not reached with a profile of one's AWS account.
  if [ -n "$CLI_PROFILE" ] && [ -z "${AWS_ENDPOINT_URL:-}" ]; then
    export AWS_PROFILE=$CLI_PROFILE
  fi
  # Of S3 Control the AWS CLI puts the account and a dot in front of the host, a name that few resolvers know below localhost. With a
  # user in front of the host, it becomes a part of the user's name, which nobody looks at.
  if [ -n "${AWS_ENDPOINT_URL:-}" ]; then
    export AWS_ENDPOINT_URL_S3_CONTROL=${AWS_ENDPOINT_URL/:\/\//:\/\/account@}
  fi
  local account
  account=$(aws sts get-caller-identity --query Account --output text 2>/dev/null) ||
    fail "no valid AWS credentials: set them up with 'aws configure', or name a profile as CLI_PROFILE in $CONFIG"
  [ "$account" = "$AWS_ACCOUNT_ID" ] ||
    fail "$CONFIG: AWS_ACCOUNT_ID is not the account of your credentials, which is $account"
  STACK=$FUNCTION_PREFIX
  read_stack
  refuse_other_stack
}

# Whether a call finds something, which is then in FOUND. Any answer but "not found" ends the script. What the AWS CLI says beside
# its answer, such as a warning, is no part of it.
look() { # command...
  local complaint
  private_folder
  if FOUND=$("$@" 2>"$PRIVATE/complaint"); then
    [ -n "$FOUND" ] && [ "$FOUND" != None ]
    return
  fi
  complaint=$(cat "$PRIVATE/complaint")
  case $complaint in
    *NotFound* | *NoSuch* | *"(404)"* | *"does not exist"*) return 1 ;;
    *) fail_call "$complaint" ;;
  esac
}

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}
