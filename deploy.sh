#!/usr/bin/env bash
# Builds the functions, deploys their code and the pages, and says what changed. It can be run again at any time:
# an unchanged project changes nothing.
#   ./deploy.sh [--config FILE] [--former-hashes-gone] [--plan]
#     --former-hashes-gone    no account has a hash of a former PASSWORD_HASH any more
#     --plan                  says what would change, and changes nothing
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

read_options '--former-hashes-gone --plan' "$@"
prepare
judge_template

need_stack
has_option --plan || complete_rollback
# The pages name the pool, and the roles are that of the stack: init.sh may have been interrupted, or another pool named since.
[ "$IDENTITY_POOL_ID" = "$(of_stack IdentityPoolId)" ] ||
  fail "IDENTITY_POOL_ID in $CONFIG is not the stack's pool, which is $(of_stack IdentityPoolId): run ./init.sh first"
code_bucket=$(of_stack CodeBucket)
remember_hashes ''
if has_option --former-hashes-gone; then forget_hashes; fi

# --- functions --------------------------------------------------------------------------------------------------

if [ "$ARCHITECTURE" = arm64 ]; then build_functions --arm64; else build_functions; fi
private_folder
work=$PRIVATE

# The key of a function's code, named by the hash of the binary: a zip's own hash changes with its time stamps.
code_key() { # package
  printf 'functions/%s/%s.zip' "$1" "$(sha256 <"$BUILT/$1")"
}
code=()
there=$(must aws s3api list-objects-v2 --bucket "$code_bucket" --prefix functions/ --query 'Contents[].[Key]' --output text)
while read -r name package; do
  key=$(code_key "$package")
  code+=("${name}Code=$key")
  if ! has_option --plan && ! grep -qxF "$key" <<<"$there"; then
    mkdir -p "$work/code/${key%/*}"
    cp "$ZIPS/$package/bootstrap.zip" "$work/code/$key"
    say "functions: $package is new"
  fi
done <<<"$FUNCTIONS"
[ ! -d "$work/code" ] || must aws s3 cp --only-show-errors --recursive "$work/code" "s3://$code_bucket"
EXISTING_TABLE=$(of_stack ExistingTable)
EXISTING_IDENTITY_POOL=$(of_stack ExistingIdentityPool)
EXISTING_SENDER=$(of_stack ExistingSender)
if has_option --plan; then plan_stack "${code[@]}"; else apply_stack "${code[@]}"; fi

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

site=$work/site
# shellcheck disable=SC2086 # no argument where it is empty
latchkey site "$CONFIG" web "$site" ${AWS_ENDPOINT_URL:-}

# The bucket keeps a list of what was deployed: the digest of content and headers, the ETag, the key. With the ETags
# that are there it says what is missing, what was changed by another hand, and what is ours to remove.
list=deployed
before=$(aws s3 cp --quiet "s3://$BUCKET/$list" - 2>/dev/null) || before=
objects() {
  must aws s3api list-objects-v2 --bucket "$BUCKET" --query 'Contents[].[ETag,Key]' --output text
}
there=$(objects)
cache="max-age=$MAX_AGE"
current='' changed=0
while IFS= read -r file; do
  key=${file#"$site"/}
  type=$(content_type "$file")
  digest=$({ printf '%s\n%s\ngzip\n' "$type" "$cache" && cat "$file"; } | sha256)
  current="$current$digest $key
"
  etag=$(printf '%s\n' "$before" | awk -v digest="$digest" -v key="$key" '$1 == digest && $3 == key { print $2 }')
  if [ -z "$etag" ] || ! grep -qxF "$etag	$key" <<<"$there"; then
    changed=$((changed + 1))
    if has_option --plan; then
      say "pages: would change: $key"
      continue
    fi
    # S3 sends what is stored and compresses nothing, so what is stored is compressed. Every browser takes it.
    packed=$work/pages/all.${key##*.}/$key
    mkdir -p "${packed%/*}"
    gzip -9 -n -c "$file" >"$packed"
    say "pages: $key"
  fi
done <<END
$(find "$site" -type f | sort)
END
# The files of one content type in one go, and all types at once.
uploads=()
for folder in "$work"/pages/*; do
  [ -d "$folder" ] || continue
  must aws s3 cp --only-show-errors --recursive "$folder" "s3://$BUCKET" --content-type "$(content_type "$folder")" --content-encoding gzip \
    --cache-control "$cache" 2>"$folder.complaint" &
  uploads+=($!)
done
for upload in ${uploads[@]+"${uploads[@]}"}; do
  # What keeps one from succeeding keeps them all: it is said once.
  wait "$upload" || {
    head -n 1 <<<"$(cat "$work"/pages/*.complaint)" >&2
    exit 1
  }
done
for key in $(printf '%s\n' "$before" | awk '{ print $3 }'); do
  if [ ! -e "$site/$key" ]; then
    changed=$((changed + 1))
    if has_option --plan; then
      say "pages: would be removed: $key"
      continue
    fi
    must aws s3api delete-object --bucket "$BUCKET" --key "$key" >/dev/null
    say "pages: $key is removed"
  fi
done
if [ "$changed" = 0 ]; then
  say "pages: nothing to change"
elif ! has_option --plan; then
  there=$(objects)
  printf '%s' "$current" | while read -r digest key; do
    printf '%s %s %s\n' "$digest" "$(printf '%s\n' "$there" | awk -F '\t' -v key="$key" '$2 == key { print $1 }')" "$key"
  done | must aws s3 cp --only-show-errors - "s3://$BUCKET/$list"
fi
if has_option --plan; then
  say "this was a plan: nothing was changed"
else
  check_alarm_mail
  say "the service is at $SITE_URL"
fi
