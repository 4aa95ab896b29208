#!/usr/bin/env bash
# Sets the notifier up, in one account or in two: makes the stacks that the settings name or updates them, builds the functions and
# uploads their code. It can be run again at any time. docs/notifier.md has settings to begin with.
#   ./notifier.sh [--settings FILE]    notifier.json by default
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/encryption_keys.sh
. scripts/encryption_keys.sh

SETTINGS=notifier.json
while [ $# -gt 0 ]; do
  case $1 in
    --settings)
      [ $# -ge 2 ] || fail "--settings needs a file"
      SETTINGS=$2
      shift 2
      ;;
    *) fail "unknown option $1; there is --settings FILE" ;;
  esac
done

need aws "see https://aws.amazon.com/cli/"
# What scripts/common.sh builds and packs.
# shellcheck disable=SC2034
PACKAGES=notifier BINARIES='notifier notifier-invoker'

# --- the two accounts -------------------------------------------------------------------------------------------

# A setting that is in force; empty where there is none.
setting() { # account or stack, name
  local name=$1_$2
  printf '%s' "${!name-}"
}

# Turns to one of the accounts.
turn_to() { # callee or caller
  SIDE=$1
  case $SIDE in
    callee) BUCKET_STACK=S3Callee FUNCTION_STACK=Callee BINARY=notifier ;;
    caller) BUCKET_STACK=S3Caller FUNCTION_STACK=Caller BINARY=notifier-invoker ;;
  esac
  PROFILE=$(setting "$SIDE" profile)
  REGION=$(setting "$SIDE" region)
  export AWS_DEFAULT_REGION=$REGION AWS_REGION=$REGION
}

# The profile goes before credentials in the environment, which would be taken for both accounts.
aws() {
  command aws ${PROFILE:+--profile "$PROFILE"} "$@"
}

# Says which account it is, and sets CALLER_ROLE, the ARN that the role of the invoker has or will have.
identify() {
  local arn partition account
  arn=$(aws sts get-caller-identity --query Arn --output text 2>/dev/null) ||
    fail "$SIDE: no valid AWS credentials${PROFILE:+ in the profile $PROFILE}: set them up with 'aws configure${PROFILE:+ --profile $PROFILE}'"
  IFS=: read -r _ partition _ _ account _ <<<"$arn"
  say "$SIDE: account $account, region $REGION"
  [ "$SIDE" = callee ] || CALLER_ROLE=arn:$partition:iam::$account:role/$(setting Caller RoleName)
}

# --- the stacks -------------------------------------------------------------------------------------------------

# Creates or updates a stack with the settings, and with what was found out.
deploy() { # stack, template, KEY=VALUE...
  STACK=$1
  local template=stacks/notifier/$2
  shift 2
  (umask 077 && latchkey notifier "$SETTINGS" "$STACK" "$@" >"$PRIVATE/parameters.json") || exit 1
  deploy_stack "$template" CAPABILITY_NAMED_IAM "$PRIVATE/parameters.json"
}

# Uploads the function unless the bucket has it, and sets CODE to what its stack has to know. The name has the digest of the binary: a
# zip's own changes with its time stamps.
upload() {
  local bucket key object
  bucket=$(of_stack Bucket)
  key=$(of_stack KeyArn)
  object=$BINARY/$(sha256 <"$BUILT/$BINARY").zip
  if ! look aws s3api head-object --bucket "$bucket" --key "$object" --query ContentLength --output text; then
    must aws s3api put-object --bucket "$bucket" --key "$object" --body "$ZIPS/$BINARY/bootstrap.zip" \
      --server-side-encryption aws:kms --ssekms-key-id "$key" >/dev/null
    say "bucket $bucket: $BINARY is new"
  fi
  CODE=("CodeBucket=$bucket" "CodeObject=$object")
}

deploy_callee() {
  local role
  role=${CALLER_ROLE:-$(setting Callee InvokerRoleArn)}
  STACK=Callee
  read_stack
  EXTERNAL_ID=$(setting Callee ExternalId)
  # Chosen once, and kept.
  EXTERNAL_ID=${EXTERNAL_ID:-$(of_stack ExternalId)}
  EXTERNAL_ID=${EXTERNAL_ID:-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')}
  deploy Callee notifier.yaml "${CODE[@]}" "ExternalId=$EXTERNAL_ID" "InvokerRoleArn=$role" "InvokerAccount=$(cut -d : -f 5 <<<"$role")"
  NOTIFIER=$(of_stack FunctionArn)
  NOTIFIER_ROLE=$(of_stack InvocationRoleArn)
  say "notifier: $NOTIFIER"
}

deploy_caller() {
  local found=()
  [ -z "${NOTIFIER:-}" ] || found=("NotifierArn=$NOTIFIER" "NotifierRoleArn=$NOTIFIER_ROLE" "ExternalId=$EXTERNAL_ID")
  deploy Caller invoker.yaml "${CODE[@]}" ${found[@]+"${found[@]}"}
  say "invoker: $(of_stack FunctionArn)"
}

build_latchkey
rules=()
[ ! -e "$(dirname "$SETTINGS")/guard.toml" ] || rules=(--rules "$(dirname "$SETTINGS")/guard.toml")
latchkey guard --all stacks/notifier/guard.toml ${rules[@]+"${rules[@]}"} >/dev/null ||
  fail "the guard refuses a template of stacks/notifier, and nothing was changed"
settings=$(latchkey notifier "$SETTINGS") || exit 1
eval "$settings"
export AWS_PAGER=
private_folder

# Nothing is changed in either account before the keys of both are known to be usable. SIDES is one of the settings.
# shellcheck disable=SC2153
for side in $SIDES; do
  turn_to "$side"
  identify
  need_keys
done
for side in $SIDES; do
  turn_to "$side"
  if [ "$(setting "$FUNCTION_STACK" Architecture)" = arm64 ]; then build_functions --arm64; else build_functions; fi
  deploy "$BUCKET_STACK" code-bucket.yaml
  upload
  "deploy_$SIDE"
done
case $SIDES in
  callee) say "for the caller's settings: \"NotifierArn\": \"$NOTIFIER\", \"NotifierRoleArn\": \"$NOTIFIER_ROLE\", \"ExternalId\": \"$EXTERNAL_ID\"" ;;
esac
