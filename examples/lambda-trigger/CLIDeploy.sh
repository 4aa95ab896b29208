#!/usr/bin/env bash
# Builds and packs both functions, creates or updates the bucket's stack, uploads, and creates or updates the trigger's stack.
# It can be run again at any time. Run it from the root of the repository:
#   ./examples/lambda-trigger/CLIDeploy.sh
set -eEuo pipefail

REGION=${REGION:-us-east-1}
BUCKET_STACK=${BUCKET_STACK:-lambdaCodeS3BucketCreate}
TRIGGER_STACK=${TRIGGER_STACK:-cfnLambdaTrigger}
# Put before the names of exports, for a second copy of both stacks in the same account and region.
EXPORT_PREFIX=${EXPORT_PREFIX:-}
# x86_64 or arm64.
ARCHITECTURE=${ARCHITECTURE:-x86_64}
# What LambdaHelloWorld is invoked with, as JSON, and whether the stack waits for it: Event or RequestResponse.
PAYLOAD=${PAYLOAD:-'{}'}
MODE=${MODE:-Event}

cd "$(dirname "$0")/../.."
# shellcheck source=examples/lambda-trigger/pack.sh
. examples/lambda-trigger/pack.sh

STACK=$BUCKET_STACK
# On an error: line, command, stack and the stack's description, and the status of the command.
complain() { # status, line, command
  trap - ERR
  printf 'error: line %s: %s\nerror: stack %s:\n' "$2" "$3" "$STACK" >&2
  aws cloudformation describe-stacks --stack-name "$STACK" --output json >&2 || true
  exit "$1"
}
trap 'complain "$?" "$LINENO" "$BASH_COMMAND"' ERR

# Creates or updates STACK and waits for the end.
deploy() { # template, parameters as KEY=VALUE...
  local template=$1
  shift
  private_folder
  python3 -c 'import json, sys
pairs = [text.split("=", 1) for text in sys.argv[1:]]
print(json.dumps([{"ParameterKey": key, "ParameterValue": value} for key, value in pairs]))' "$@" >"$PRIVATE/parameters.json"
  # In a process of its own, so that a failure comes back as a status.
  (
    trap - ERR
    deploy_stack "$template" CAPABILITY_IAM "$PRIVATE/parameters.json"
  )
  read_stack
}

# Uploads a zip unless the bucket has the same binary, and prints the version that it has then. A zip's own digest changes with its
# time stamps.
upload() { # zip, package
  local digest there
  digest=$(sha256 <"$BUILT/$2")
  there=$(aws s3api head-object --bucket "$bucket" --key "${1##*/}" --query '[Metadata.sha256,VersionId]' --output text 2>/dev/null) || there=
  if [ "${there%%$'\t'*}" = "$digest" ]; then
    printf '%s' "${there#*$'\t'}"
    return
  fi
  aws s3api put-object --bucket "$bucket" --key "${1##*/}" --body "$1" --metadata "sha256=$digest" --query VersionId --output text
}

need aws "see https://aws.amazon.com/cli/"
export AWS_DEFAULT_REGION=$REGION AWS_REGION=$REGION AWS_PAGER=
pack_both

deploy stacks/lambda-trigger/lambdaCodeS3BucketCreate.yaml "ExportPrefix=$EXPORT_PREFIX"
bucket=$(of_stack LambdaCodeS3BucketName)
hello=$(upload "$PACKED/helloWorld.zip" hello-world)
trigger=$(upload "$PACKED/customLambdaInvokerTrigger.zip" lambda-trigger)
say "bucket $bucket: has the code"

STACK=$TRIGGER_STACK
deploy stacks/lambda-trigger/cfnLambdaTrigger.yaml "ExportPrefix=$EXPORT_PREFIX" "HelloWorldCodeVersion=$hello" \
  "TriggerCodeVersion=$trigger" "Architecture=$ARCHITECTURE" "Payload=$PAYLOAD" "Mode=$MODE"
say "stack $STACK: $(of_stack status)"
say "InvokedLambdaResponse: $(of_stack InvokedLambdaResponse)"
