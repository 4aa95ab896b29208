#!/usr/bin/env bash
# Shows and changes the service's keys, with the code that is deployed. docs/operating.md says when, and how long to wait.
#   ./keys.sh [--config FILE]                            the identifiers of all keys, the one that writes first
#   ./keys.sh [--config FILE] new audit|mail|device      draws a key that writes from now on; the former one is still read
#   ./keys.sh [--config FILE] drop audit|mail|device     takes the former key out
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

CONFIG=config.json usage='./keys.sh [--config FILE] [new|drop audit|mail|device]'
if [ "${1:-}" = --config ]; then
  [ $# -ge 2 ] || fail "--config needs a file"
  CONFIG=$2
  shift 2
fi
action=${1:-show} kind=${2:-}
case "$action $kind" in
  'show ') [ $# = 0 ] || fail "usage: $usage" ;;
  'new audit' | 'new mail' | 'new device' | 'drop audit' | 'drop mail' | 'drop device') [ $# = 2 ] || fail "usage: $usage" ;;
  *) fail "usage: $usage" ;;
esac
prepare
settle
[ -n "$(of_stack Revision)" ] || fail "stack $STACK is not there: run ./init.sh first"

say_keys() { # kind
  local ids
  ids=$(key_ids "$1")
  case $ids in
    '') say "$1: none" ;;
    *,*) say "$1: key ${ids%,*} writes, and key ${ids#*,} is read too" ;;
    *) say "$1: key $ids" ;;
  esac
}

if [ "$action" = show ]; then
  for kind in $KEY_KINDS; do say_keys "$kind"; done
  exit
fi

# What is not changed here stays as it is.
EXISTING_TABLE=$(of_stack ExistingTable)
EXISTING_IDENTITY_POOL=$(of_stack ExistingIdentityPool)
EXISTING_SENDER=$(of_stack ExistingSender)

# Takes a step of shared/keys' change.rs, and deploys it.
step() { # begin, complete or drop; where random bytes come from
  read_keys "$kind" "$PRIVATE/now"
  next_keys "$kind" latchkey ring "$1" "$PRIVATE/now" <"$2" || exit 1
  # shellcheck disable=SC2046 # a word for each function: keys have no spaces
  apply_stack $(current_code)
}

private_folder
if [ "$action" = new ]; then
  # Every function can read with the new key before one of them writes with it.
  step begin /dev/urandom
  step complete /dev/null
else
  step drop /dev/null
fi
say_keys "$kind"
