# shellcheck shell=bash
# What both scripts share: the functions as Lambda takes them. The trigger's zip holds all that it depends on, since its binary
# does.

# shellcheck source=scripts/common.sh
. scripts/common.sh

PACKED=examples/lambda-trigger/lambda/zips

# Builds both functions and leaves their zips in PACKED.
pack_both() {
  need cargo "see https://rustup.rs"
  # shellcheck disable=SC2034 # build_functions looks at it
  PACKAGES='hello-world lambda-trigger'
  if [ "${ARCHITECTURE:-x86_64}" = arm64 ]; then build_functions --arm64; else build_functions; fi
  mkdir -p "$PACKED"
  # A copy that is only put in place when it is whole: two may pack at the same time.
  cp "$ZIPS/hello-world/bootstrap.zip" "$PACKED/helloWorld.zip.$$"
  cp "$ZIPS/lambda-trigger/bootstrap.zip" "$PACKED/customLambdaInvokerTrigger.zip.$$"
  mv "$PACKED/helloWorld.zip.$$" "$PACKED/helloWorld.zip"
  mv "$PACKED/customLambdaInvokerTrigger.zip.$$" "$PACKED/customLambdaInvokerTrigger.zip"
  say "packed: $PACKED"
}
