#!/usr/bin/env bash
# Sets the service up on AWS: checks config.json, creates or updates the stack, writes the identity pool's id back,
# and deploys. It can be run again at any time.
#   ./init.sh [--config FILE] [--dry-run]    --dry-run says what would become of a table that is there, and changes nothing
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/adopt.sh
. scripts/adopt.sh

read_options --dry-run "$@"
prepare
judge_template
if has_option --dry-run; then
  say_what_would_move
  exit
fi
[ "$BUILD" = host ] || need cargo-lambda "pip install cargo-lambda brings it, with the zig that it builds with"

clear_failed_stack
adopt
# shellcheck disable=SC2086 # a word for each
remember_hashes $FOUND_HASHES
# shellcheck disable=SC2046 # a word for each function: keys have no spaces
apply_stack $(current_code)
move_keys

if [ -n "${AWS_ENDPOINT_URL:-}" ]; then
  SITE_URL=$AWS_ENDPOINT_URL/$BUCKET/index.html
fi
latchkey write "$CONFIG" "IDENTITY_POOL_ID=$(of_stack IdentityPoolId)" "SITE_URL=$SITE_URL" \
  "AUTHENTICATED_ROLE=$(of_stack AuthenticatedRole)"

./deploy.sh --config "$CONFIG"

if ! is_verified "$EMAIL_SOURCE"; then
  say "mail: $EMAIL_SOURCE is not verified yet; open the link in the mail that AWS sent to it"
fi
