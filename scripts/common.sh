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

# Runs what takes long with its output in a file, and says every quarter of a minute how far it is.
long() { # what it is, file, command...
  local what=$1 log=$2 status=0 ticker
  shift 2
  mkdir -p "$(dirname "$log")"
  : >"$log"
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
  "$@" >"$log" 2>&1 || status=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if [ $status != 0 ]; then
    tail -n 20 "$log" >&2
  fi
  return $status
}

TARGET=${CARGO_TARGET_DIR:-target}

# tools/latchkey, the program behind the scripts.
latchkey() {
  cargo run --quiet --locked --package latchkey -- "$@"
}

build_latchkey() {
  need cargo "see https://rustup.rs"
  long "tools: building" "$TARGET/latchkey.log" cargo build --locked --package latchkey ||
    fail "tools/latchkey does not build; see $TARGET/latchkey.log"
}

# Builds the functions, and no other package with them: a library would get features that only a tool asks for.
build_functions() { # cargo lambda's options...
  local packages=() package
  for package in $(latchkey functions | cut -d ' ' -f 2); do packages+=(--package "$package"); done
  say "functions: building (the first time takes minutes)"
  long "functions: building" "$TARGET/functions.log" cargo lambda build --release --locked --output-format zip "$@" \
    "${packages[@]}" ||
    fail "the functions do not build; see $TARGET/functions.log"
}

# --config FILE is the only option of both scripts.
read_options() {
  CONFIG=config.json
  while [ $# -gt 0 ]; do
    case $1 in
      --config)
        [ $# -ge 2 ] || fail "--config needs a file"
        CONFIG=$2
        shift 2
        ;;
      *) fail "unknown option $1; the only one is --config FILE" ;;
    esac
  done
}

# shellcheck source=scripts/stack.sh
. scripts/stack.sh

# Checks the configuration and the credentials, and sets a variable for each setting; FUNCTIONS is a line for each function, its
# name in the stack and its package.
prepare() {
  need aws "see https://aws.amazon.com/cli/"
  build_latchkey
  local settings
  settings=$(latchkey shell "$CONFIG") || exit 1
  eval "$settings"
  FUNCTIONS=$(latchkey functions)
  export AWS_DEFAULT_REGION=$REGION AWS_REGION=$REGION AWS_PAGER=
  # An endpoint of one's own is not reached with a profile of one's AWS account.
  if [ -n "$CLI_PROFILE" ] && [ -z "${AWS_ENDPOINT_URL:-}" ]; then
    export AWS_PROFILE=$CLI_PROFILE
  fi
  local account
  account=$(aws sts get-caller-identity --query Account --output text 2>&1) ||
    fail "no valid AWS credentials: set them up with 'aws configure', or name a profile as CLI_PROFILE in $CONFIG"
  [ "$account" = "$AWS_ACCOUNT_ID" ] ||
    fail "$CONFIG: AWS_ACCOUNT_ID is not the account of your credentials, which is $account"
  STACK=$FUNCTION_PREFIX
  read_stack
}

# Whether a call finds something, which is then in FOUND. Any answer but "not found" ends the script.
look() { # command...
  if FOUND=$("$@" 2>&1); then
    [ -n "$FOUND" ] && [ "$FOUND" != None ]
    return
  fi
  case $FOUND in
    *NotFound* | *NoSuch* | *"(404)"* | *"does not exist"*) return 1 ;;
    *) fail "$(printf '%s' "$FOUND" | tr -s '[:space:]' ' ')" ;;
  esac
}

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}
