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
#   silence  whether the time of an answer tells who has an account, half an hour              docs/silence.md
#   targets  the last figures of all these, without measuring
# ./bench.sh check measures nothing: formatting, lints and tests of lab/, where the programs are.
set -euo pipefail
cd "$(dirname "$0")"
# What is measured is what is deployed.
export LATCHKEY_BUILD=lambda
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

[ $# != 0 ] || set -- speed cold sizes hashes pages load build silence
[ "$*" = check ] || for word in "$@"; do
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

mkdir -p "$TARGET/bench"
target=$(cd "$TARGET" && pwd)
results=$target/bench

# Cargo in the lab, which is a workspace of its own and builds into the same folder.
lab() { # command, options...
  (cd lab && CARGO_TARGET_DIR=$target cargo "$@")
}

# Before anything is built, which takes minutes.
if wanted hashes "$@" || wanted check "$@"; then
  need pkg-config "Debian: apt install pkg-config; Fedora: dnf install pkgconf"
  pkg-config --exists openssl ||
    fail "OpenSSL's headers are missing, which hashes compares with (Debian: apt install libssl-dev; Fedora: dnf install openssl-devel); or name other measurements"
fi

if [ "$*" = check ]; then
  lab fmt --all --check
  lab clippy --quiet --workspace --all-targets --locked -- -D warnings
  lab test --quiet --workspace --locked
  exit
fi
begin_tools "$TARGET" deploy
finish_tools

hashes() {
  long "hashes: building" "$TARGET/hashes.log" lab build --release --locked --package hashes ||
    fail "the benchmark of the hashes does not build; see $TARGET/hashes.log"
  "$TARGET/release/hashes" "$results/hashes.json"
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
  # shellcheck disable=SC2119 # as they are deployed, without further options
  build_functions
  # As the others, with the same profile and the same versions: the benchmark looks whether they are.
  long "functions: building the empty one" "$TARGET/functions.log" \
    lab lambda build --release --locked --output-format zip --package empty ||
    fail "the empty function does not build; see $TARGET/functions.log"
fi
long "bench: building" "$TARGET/bench.log" lab build --release --locked --package benchmark ||
  fail "the benchmark does not build; see $TARGET/bench.log"
for word in "$@"; do
  case $word in
    speed | cold | sizes | silence) "$TARGET/release/benchmark" "$word" ;;
    hashes) hashes ;;
    pages) on_local_cloud pages::a_page_is_light ;;
    load) LATCHKEY_LOAD='50 60' on_local_cloud load:: ;;
    build) lab/benchmark/build.sh "$results/build.json" ;;
    targets) ;;
  esac
done
"$TARGET/release/benchmark" targets
