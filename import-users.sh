#!/usr/bin/env bash
# Brings the users of another system along: ./import-users.sh [--config FILE] USERS.jsonl
# Each line is JSON: {"email": "...", "hash": "...", "verified": true, "name": "..."}. Nothing in the table is changed; a
# run that was stopped goes on where it was. See docs/import.md for the forms of hashes.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

CONFIG=config.json users=
while [ $# -gt 0 ]; do
  case $1 in
    --config)
      [ $# -ge 2 ] || fail "--config needs a file"
      CONFIG=$2
      shift
      ;;
    -*) fail "unknown option $1; the only one is --config FILE" ;;
    *)
      [ -z "$users" ] || fail "one file at a time"
      users=$1
      ;;
  esac
  shift
done
[ -n "$users" ] || fail "which users? ./import-users.sh [--config FILE] USERS.jsonl"
[ -r "$users" ] || fail "$users cannot be read"

prepare
build_tool import-users
look aws dynamodb describe-table --table-name "$DDB_TABLE" || fail "table $DDB_TABLE is not there: run ./init.sh first"
"$TARGET/debug/import-users" "$DDB_TABLE" "$users"
