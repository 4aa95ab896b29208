#!/usr/bin/env bash
# Measures the functions as they are deployed: ./bench.sh [speed|silence|load|pages]; the first two if none is named.
# speed: start, calls, CPU, memory and size, beside an empty function. silence: whether the time of an answer tells who
# has an account. load: fifty people at once on the whole journey. pages: what each page weighs. Tables on standard output,
# JSON in target/bench. See docs/performance.md, docs/silence.md and docs/scale.md.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

what=${1:-both}
case $what in speed | silence | both | load | pages) ;; *) fail "unknown measurement $what: speed, silence, load or pages" ;; esac

tools "$TARGET"

# These two are tests that print, on a local cloud of their own. test.sh runs both, the load with fewer people.
on_local_cloud() { # test
  local port
  mkdir -p "$TARGET/load"
  folder=$(cd "$TARGET/load" && pwd)
  port=$(python -c 'import socket; probe = socket.socket(); probe.bind(("127.0.0.1", 0)); print(probe.getsockname()[1])')
  trap './local.sh stop --dir "$folder"' EXIT
  ./local.sh --detach --fresh --dir "$folder" --port "$port"
  LATCHKEY_ENV=$folder/env cargo test --quiet --package end-to-end --locked -- --nocapture "$1"
}
case $what in
  load)
    LATCHKEY_LOAD='50 60' on_local_cloud load::
    exit
    ;;
  pages)
    on_local_cloud pages::a_page_is_light
    exit
    ;;
esac

build_functions --package empty
long "bench: building" "$TARGET/bench.log" cargo build --release --locked --package bench ||
  fail "the benchmark does not build; see $TARGET/bench.log"
[ "$what" = silence ] || "$TARGET/release/bench" speed
[ "$what" = speed ] || "$TARGET/release/bench" silence
