#!/usr/bin/env bash
# Measures the functions as they are deployed: ./bench.sh [speed|silence]; both if neither is named.
# speed: start, calls, CPU, memory and size, beside an empty function. silence: whether the time of an answer tells who
# has an account. Tables on standard output, JSON in target/bench. See docs/performance.md and docs/silence.md.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

what=${1:-both}
case $what in speed | silence | both) ;; *) fail "unknown measurement $what: speed or silence" ;; esac

tools "$TARGET"
build_functions --package empty
long "bench: building" "$TARGET/bench.log" cargo build --release --locked --package bench ||
  fail "the benchmark does not build; see $TARGET/bench.log"
[ "$what" = silence ] || "$TARGET/release/bench" speed
[ "$what" = speed ] || "$TARGET/release/bench" silence
