# shellcheck shell=bash
# The keys of the stack: for each purpose a ring of one key or two, in a parameter that CloudFormation does not show. Needs
# scripts/common.sh, and prepare to have run.
#
# A key is never an argument of a program, because whoever lists the processes of the machine sees those. It goes from file to file in
# the script's private folder.

KEY_KINDS='audit mail device'

# The stack's parameter, and the functions' variable, of a kind of keys.
key_parameter() { # kind
  case $1 in audit) echo AuditKey ;; mail) echo MailKey ;; device) echo DeviceKey ;; *) return 1 ;; esac
}

key_variable() { # kind
  case $1 in audit) echo AUDIT_KEY ;; mail) echo MAIL_KEY ;; device) echo DEVICE_KEY ;; *) return 1 ;; esac
}

# The identifiers of the keys that the stack has of a kind, with commas between them, the one that writes first; empty if it has none.
key_ids() { # kind
  local entry
  [ -n "$(of_stack "$(key_parameter "$1")")" ] || return 0
  for entry in $(of_stack KeyIds); do
    case $entry in
      "$1="*)
        echo "${entry#*=}"
        return
        ;;
    esac
  done
  # A stack from before identifiers.
  echo 0
}

# Writes what a program prints into the private file of a kind's next keys.
next_keys() { # kind, command...
  local file=$PRIVATE/keys/$1
  shift
  (umask 077 && mkdir -p "$PRIVATE/keys" && "$@" >"$file.new") || {
    rm -f "$file.new"
    return 1
  }
  mv "$file.new" "$file"
}

# Sets KEY_ARGUMENTS, what `latchkey parameters` takes for the keys: those of a kind that the stack lacks are drawn, those with a file
# of next_keys are replaced, and all others stay as they are.
prepare_keys() {
  local kind parameter ids all=
  KEY_ARGUMENTS=()
  private_folder
  for kind in $KEY_KINDS; do
    parameter=$(key_parameter "$kind")
    ids=$(key_ids "$kind")
    if [ -z "$ids" ]; then
      next_keys "$kind" latchkey ring first </dev/urandom || exit 1
    fi
    if [ -e "$PRIVATE/keys/$kind" ]; then
      ids=$(latchkey ring ids "$PRIVATE/keys/$kind") || exit 1
      KEY_ARGUMENTS+=("$parameter@$PRIVATE/keys/$kind")
    else
      KEY_ARGUMENTS+=("$parameter")
    fi
    all="$all $kind=$ids"
  done
  KEY_ARGUMENTS+=("KeyIds=${all# }")
}

# Reads the keys of a kind from the settings of a function that has them, into a private file.
read_keys() { # kind, file
  local readers variable
  readers=$(latchkey readers "$1") || exit 1
  variable=$(key_variable "$1")
  (umask 077 && aws lambda get-function-configuration --function-name "$FUNCTION_PREFIX${readers%%$'\n'*}" \
    --query "Environment.Variables.$variable" --output text >"$2" 2>/dev/null) ||
    fail "the functions are not there, or you may not read their settings: run ./deploy.sh first"
  [ "$(latchkey ring ids "$2")" = "$(key_ids "$1")" ] ||
    fail "the functions have other keys than the stack: run ./deploy.sh first"
}
