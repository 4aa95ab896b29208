#!/usr/bin/env bash
# Shows and changes the service's keys, with the code that is deployed. docs/operating.md says when, and how long to wait.
#   ./keys.sh [--config FILE]                  the identifiers of all keys
#   ./keys.sh [--config FILE] new KIND...      draws a key that writes from now on; the former one is still read
#   ./keys.sh [--config FILE] drop KIND...     takes the former key out
# KIND is audit, mail or device.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

CONFIG=config.json usage='usage: ./keys.sh [--config FILE] [new|drop audit|mail|device...]'
if [ "${1:-}" = --config ]; then
  [ $# -ge 2 ] || fail "--config needs a file"
  CONFIG=$2
  shift 2
fi
action=show
if [ $# != 0 ]; then
  action=$1
  shift
  [ $# != 0 ] || fail "$usage"
  case $action in new | drop) ;; *) fail "$usage" ;; esac
  for kind in "$@"; do
    key_parameter "$kind" >/dev/null || fail "$usage"
  done
fi
prepare
need_stack

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
remember_hashes ''

# Takes a step (shared/keys/src/change.rs) with each kind of keys, and deploys them together.
step() { # begin, complete or drop; kinds...
  local step=$1 kind
  shift
  for kind in "$@"; do
    read_keys "$kind" "$PRIVATE/now"
    next_keys "$kind" latchkey ring "$step" "$PRIVATE/now" </dev/urandom || exit 1
  done
  # shellcheck disable=SC2046 # a word for each function: keys have no spaces
  apply_stack $(current_code)
}

private_folder
if [ "$action" = new ]; then
  # Every function reads with the new key before one of them writes with it.
  step begin "$@"
  step complete "$@"
else
  step drop "$@"
fi
for kind in "$@"; do say_keys "$kind"; done
