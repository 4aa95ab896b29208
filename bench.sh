#!/usr/bin/env bash
# Measures the functions as they are deployed: ./bench.sh [speed|silence|hashes]; all if none is named.
# speed: start, calls, CPU, memory and size, beside an empty function. silence: whether the time of an answer tells who
# has an account. hashes: the password hash beside ring, AWS-LC and OpenSSL. Tables on standard output, JSON in
# target/bench. See docs/performance.md, docs/silence.md and docs/decisions/0010-hash-implementation.md.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

what=${1:-all}
case $what in speed | silence | hashes | all) ;; *) fail "unknown measurement $what: speed, silence or hashes" ;; esac

# Before anything is built, which takes minutes.
if [ "$what" = hashes ] || [ "$what" = all ]; then
  need cargo "see https://rustup.rs"
  need pkg-config "Debian: apt install pkg-config; Fedora: dnf install pkgconf"
  pkg-config --exists openssl ||
    fail "OpenSSL's headers are missing, which hashes compares with (Debian: apt install libssl-dev; Fedora: dnf install openssl-devel); or name another measurement, speed or silence"
fi

# It has a workspace of its own, with what it compares against.
hashes() {
  local options=(--locked --manifest-path bench/hashes/Cargo.toml --target-dir "$TARGET/hashes")
  mkdir -p "$TARGET"
  long "hashes: building" "$TARGET/hashes.log" cargo bench "${options[@]}" --no-run ||
    fail "the benchmark of the hashes does not build; see $TARGET/hashes.log"
  # Cargo starts it in the folder of its package.
  cargo bench --quiet "${options[@]}" -- --json "$(cd "$TARGET" && pwd)/bench/hashes.json"
}

if [ "$what" != hashes ]; then
  tools "$TARGET"
  build_functions --package empty
  long "bench: building" "$TARGET/bench.log" cargo build --release --locked --package bench ||
    fail "the benchmark does not build; see $TARGET/bench.log"
fi
case $what in speed | all) "$TARGET/release/bench" speed ;; esac
case $what in silence | all) "$TARGET/release/bench" silence ;; esac
case $what in hashes | all) hashes ;; esac
