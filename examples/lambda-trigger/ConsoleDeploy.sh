#!/usr/bin/env bash
# Builds and packs both functions, for a deployment by hand in the console: README.md says how. It can be run again at any time.
# Run it from the root of the repository:
#   ./examples/lambda-trigger/ConsoleDeploy.sh
set -euo pipefail

# x86_64 or arm64.
ARCHITECTURE=${ARCHITECTURE:-x86_64}

cd "$(dirname "$0")/../.."
# shellcheck source=examples/lambda-trigger/pack.sh
. examples/lambda-trigger/pack.sh
pack_both
say "upload both to the root of the bucket that the stack of lambdaCodeS3BucketCreate.yaml makes:"
for zip in "$PACKED"/*.zip; do say "  $zip"; done
