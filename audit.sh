#!/usr/bin/env bash
# Shows what truly happened in each call: ./audit.sh [--config FILE] [--since 1h] [--account ADDRESS]
# A line of JSON per call, the oldest first. Only whoever may read the functions' settings and logs can run it.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

CONFIG=config.json since=1h account=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1: the options are --config FILE, --since 15m|1h|7d and --account ADDRESS"
  case $1 in
    --config) CONFIG=$2 ;;
    --since) since=$2 ;;
    --account) account=$2 ;;
    *) fail "unknown option $1; the options are --config FILE, --since 15m|1h|7d and --account ADDRESS" ;;
  esac
  shift 2
done
number=${since%[mhd]}
case $number in '' | *[!0-9]*) fail "--since takes minutes, hours or days: 15m, 1h or 7d" ;; esac
case $since in
  *m) seconds=$((number * 60)) ;;
  *h) seconds=$((number * 3600)) ;;
  *d) seconds=$((number * 86400)) ;;
  *) fail "--since takes minutes, hours or days: 15m, 1h or 7d" ;;
esac

# Standard output is for the records.
prepare >&2
# Every function has the key.
AUDIT_KEY=$(aws lambda get-function-configuration --function-name "$FUNCTION_PREFIX${FUNCTIONS%% *}" \
  --query Environment.Variables.AUDIT_KEY --output text 2>/dev/null) ||
  fail "the functions are not there, or you may not read their settings: run ./deploy.sh first"
export AUDIT_KEY
from=$((($(date +%s) - seconds) * 1000))
while read -r name package; do
  # What is no operation keeps no record.
  [ -d "functions/$package" ] || continue
  # shellcheck disable=SC2016 # the dollar is the pattern's
  aws logs filter-log-events --log-group-name "/aws/lambda/$FUNCTION_PREFIX$name" --start-time "$from" \
    --filter-pattern '{ $.audit = * }' --query 'events[].{timestamp: timestamp, message: message}' --output json
done <<<"$FUNCTIONS" | latchkey audit ${account:+"$account"}
