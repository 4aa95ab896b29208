#!/usr/bin/env bash
# Builds the functions, deploys their code and the pages, and says what changed. It can be run again at any time:
# an unchanged project changes nothing.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

read_options "$@"
prepare
need unzip "it is in your system's package of that name"

bucket=$(stack_output CodeBucket 2>/dev/null) || fail "stack $STACK is not there: run ./init.sh first"

artifacts=${LATCHKEY_ARTIFACTS:-}
if [ -z "$artifacts" ]; then
  need cargo-lambda "pip install cargo-lambda brings it, with the zig that it builds with"
  say "functions: building (the first time takes minutes)"
  arm=
  [ "$ARCHITECTURE" = x86_64 ] || arm=--arm64
  # shellcheck disable=SC2086 # no option where it is empty
  cargo lambda build --quiet --release --locked --output-format zip $arm || fail "the functions do not build; see above"
  artifacts=target/lambda
fi

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# The key of the code, named by the hash of the binary: a zip's own hash changes with its time stamps.
upload() { # operation
  local key
  key=functions/$1/$(unzip -p "$artifacts/$1/bootstrap.zip" bootstrap | sha256).zip
  if ! aws s3api head-object --bucket "$bucket" --key "$key" >/dev/null 2>&1; then
    aws s3api put-object --bucket "$bucket" --key "$key" --body "$artifacts/$1/bootstrap.zip" >/dev/null
    say "functions: $1 is new" >&2
  fi
  printf '%s' "$key"
}
create=$(upload create-user)
verify=$(upload verify-user)
login=$(upload login)
change=$(upload change-password)
lost=$(upload lost-password)
reset=$(upload reset-password)
apply_stack "$create" "$verify" "$login" "$change" "$lost" "$reset"

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

site=target/site
# shellcheck disable=SC2086 # no argument where it is empty
configure site "$CONFIG" web "$site" ${AWS_ENDPOINT_URL:-}
changed=0
while IFS= read -r file; do
  key=${file#"$site"/}
  type=$(content_type "$file")
  cache="max-age=$MAX_AGE"
  # What is served is the content and these two headers: the digest of all three is kept with the object.
  digest=$({ printf '%s\n%s\n' "$type" "$cache" && cat "$file"; } | sha256)
  there=$(aws s3api head-object --bucket "$BUCKET" --key "$key" --query Metadata.digest --output text 2>/dev/null) || there=
  if [ "$there" != "$digest" ]; then
    aws s3api put-object --bucket "$BUCKET" --key "$key" --body "$file" --content-type "$type" \
      --cache-control "$cache" --metadata "digest=$digest" >/dev/null
    say "pages: $key"
    changed=$((changed + 1))
  fi
done <<END
$(find "$site" -type f | sort)
END
[ "$changed" != 0 ] || say "pages: nothing to change"
say "the service is at $SITE_URL"
