#!/usr/bin/env bash
# Measures the service as it is deployed: ./bench.sh [WORD...]; without a word, everything. Ends with every figure beside its
# target. Tables on standard output, JSON in target/bench.
#   speed    start, calls, CPU, memory and size of each function, beside an empty one        docs/performance.md
#   cold     the first call over TLS and a distance, beside a warm one
#   sizes    time and price of a call at each memory size; as root, for control groups
#   hashes   the password hash beside ring, AWS-LC and OpenSSL              docs/decisions/0010-hash-implementation.md
#   pages    bytes, first paint and layout shift of each page, in a browser
#   load     fifty people on the whole journey for a minute, on a local cloud                     docs/scale.md
#   build    a build from clean, and a redeploy after a change of one line
#   silence  whether the time of an answer tells who has an account, a quarter of an hour         docs/silence.md
#   targets  the last figures of all these, without measuring
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

[ $# != 0 ] || set -- speed cold sizes hashes pages load build silence
for word in "$@"; do
  case $word in
    speed | cold | sizes | hashes | pages | load | build | silence | targets) ;;
    *) fail "unknown measurement $word: one of speed, cold, sizes, hashes, pages, load, build, silence, targets" ;;
  esac
done

wanted() { # word, of which...
  local word=$1 one
  shift
  for one in "$@"; do [ "$one" != "$word" ] || return 0; done
  return 1
}

# Before anything is built, which takes minutes.
if wanted hashes "$@"; then
  need pkg-config "Debian: apt install pkg-config; Fedora: dnf install pkgconf"
  pkg-config --exists openssl ||
    fail "OpenSSL's headers are missing, which hashes compares with (Debian: apt install libssl-dev; Fedora: dnf install openssl-devel); or name other measurements"
fi
tools "$TARGET"
mkdir -p "$TARGET/bench"
results=$(cd "$TARGET/bench" && pwd)

# It has a workspace of its own, with what it compares against.
hashes() {
  local options=(--locked --manifest-path bench/hashes/Cargo.toml --target-dir "$TARGET/hashes")
  long "hashes: building" "$TARGET/hashes.log" cargo bench "${options[@]}" --no-run ||
    fail "the benchmark of the hashes does not build; see $TARGET/hashes.log"
  # Cargo starts it in the folder of its package.
  cargo bench --quiet "${options[@]}" -- --json "$results/hashes.json"
}

# A local cloud of its own, once for all that needs one.
local_cloud() {
  [ -z "${folder:-}" ] || return 0
  mkdir -p "$TARGET/load"
  folder=$(cd "$TARGET/load" && pwd)
  trap './local.sh stop --dir "$folder"' EXIT
  ./local.sh --detach --fresh --dir "$folder" --port "$(free_port)"
}

# Tests that print. test.sh runs them too, the load with fewer people.
on_local_cloud() { # test
  local_cloud
  long "bench: building" "$TARGET/bench.log" cargo build --quiet --package end-to-end --tests --locked ||
    fail "the end-to-end tests do not build; see $TARGET/bench.log"
  LATCHKEY_ENV=$folder/env cargo test --quiet --package end-to-end --locked -- --nocapture "$1"
}

if wanted speed "$@" || wanted cold "$@" || wanted sizes "$@" || wanted silence "$@"; then
  build_functions --package empty
fi
long "bench: building" "$TARGET/bench.log" cargo build --release --locked --package bench ||
  fail "the benchmark does not build; see $TARGET/bench.log"
for word in "$@"; do
  case $word in
    speed | cold | sizes | silence) "$TARGET/release/bench" "$word" ;;
    hashes) hashes ;;
    pages) on_local_cloud pages::a_page_is_light ;;
    load) LATCHKEY_LOAD='50 60' on_local_cloud load:: ;;
    build) bench/build.sh "$results/build.json" ;;
    targets) ;;
  esac
done
"$TARGET/release/bench" targets
