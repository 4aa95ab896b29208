#!/usr/bin/env bash
# Builds the functions, deploys their code and the pages, and says what changed. It can be run again at any time:
# an unchanged project changes nothing.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

read_options "$@"
prepare
need cargo-lambda "pip install cargo-lambda brings it, with the zig that it builds with"

settle
code_bucket=$(of_stack CodeBucket)
# A first creation that failed may have left the bucket alone.
[ -n "$code_bucket" ] && [ -n "$(of_stack Revision)" ] || fail "stack $STACK is not there: run ./init.sh first"

# --- functions --------------------------------------------------------------------------------------------------

if [ "$ARCHITECTURE" = arm64 ]; then
  build_functions --arm64
  built=$TARGET/aarch64-unknown-linux-gnu/release
else
  build_functions
  built=$TARGET/x86_64-unknown-linux-gnu/release
fi

# The key of the code, named by the hash of the binary: a zip's own hash changes with its time stamps.
upload() { # package
  local key zip=$TARGET/lambda/$1/bootstrap.zip
  key=functions/$1/$(sha256 <"$built/$1").zip
  if ! aws s3api head-object --bucket "$code_bucket" --key "$key" >/dev/null 2>&1; then
    aws s3api put-object --bucket "$code_bucket" --key "$key" --body "$zip" >/dev/null
    say "functions: $1 is new" >&2
  fi
  printf '%s' "$key"
}
code=()
while read -r name package; do
  key=$(upload "$package")
  code+=("${name}Code=$key")
done <<<"$FUNCTIONS"
EXISTING_TABLE=$(of_stack ExistingTable)
EXISTING_IDENTITY_POOL=$(of_stack ExistingIdentityPool)
EXISTING_SENDER=$(of_stack ExistingSender)
apply_stack "${code[@]}"

# --- pages ------------------------------------------------------------------------------------------------------

content_type() { # file
  case $1 in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.js) echo 'text/javascript; charset=utf-8' ;;
    *.css) echo 'text/css; charset=utf-8' ;;
    *.svg) echo 'image/svg+xml' ;;
    *.txt) echo 'text/plain; charset=utf-8' ;;
    *) fail "pages: $1 has no known content type" ;;
  esac
}

site=$TARGET/site
# shellcheck disable=SC2086 # no argument where it is empty
latchkey site "$CONFIG" web "$site" ${AWS_ENDPOINT_URL:-}

# S3 sends what is stored and compresses nothing, so what is stored is compressed. Every browser takes it.
packed=$TARGET/packed

# The bucket keeps a list of what was deployed: the digest of content and headers, the ETag, the key. With the ETags
# that are there it says what is missing, what was changed by another hand, and what is ours to remove.
list=deployed
before=$(aws s3 cp --quiet "s3://$BUCKET/$list" - 2>/dev/null) || before=
there=$(aws s3api list-objects-v2 --bucket "$BUCKET" --query 'Contents[].[ETag,Key]' --output text)
after=''
changed=0
while IFS= read -r file; do
  key=${file#"$site"/}
  type=$(content_type "$file")
  cache="max-age=$MAX_AGE"
  digest=$({ printf '%s\n%s\ngzip\n' "$type" "$cache" && cat "$file"; } | sha256)
  etag=$(printf '%s\n' "$before" | awk -v digest="$digest" -v key="$key" '$1 == digest && $3 == key { print $2 }')
  if [ -z "$etag" ] || ! printf '%s\n' "$there" | grep -qxF "$etag	$key"; then
    gzip -9 -n -c "$file" >"$packed"
    etag=$(aws s3api put-object --bucket "$BUCKET" --key "$key" --body "$packed" --content-type "$type" \
      --content-encoding gzip --cache-control "$cache" --query ETag --output text)
    say "pages: $key"
    changed=$((changed + 1))
  fi
  after="$after$digest $etag $key
"
done <<END
$(find "$site" -type f | sort)
END
for key in $(printf '%s\n' "$before" | awk '{ print $3 }'); do
  if [ ! -e "$site/$key" ]; then
    aws s3api delete-object --bucket "$BUCKET" --key "$key" >/dev/null
    say "pages: $key is removed"
    changed=$((changed + 1))
  fi
done
if [ "$changed" = 0 ]; then
  say "pages: nothing to change"
else
  printf '%s' "$after" | aws s3 cp --quiet - "s3://$BUCKET/$list"
fi
say "the service is at $SITE_URL"
