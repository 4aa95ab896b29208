#!/usr/bin/env bash
# Throws altered seeds at the parsers, to see which promise breaks: ./fuzz.sh [seconds]; 60 for each target if no number is
# given. The first input that breaks one ends the run. See fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh

seconds=${1:-60}
case $seconds in 0* | *[!0-9]*) fail "how many seconds for each target? $seconds is no number above zero" ;; esac

need cargo "see https://rustup.rs"
need c++ "Debian: apt install build-essential; Fedora: dnf install gcc-c++; macOS: xcode-select --install"
cargo +nightly --version >/dev/null 2>&1 || fail "the nightly compiler is not installed: rustup toolchain install nightly"
cargo fuzz --version >/dev/null 2>&1 || fail "cargo-fuzz is not installed: cargo install cargo-fuzz --locked"

logs=fuzz/target/logs
say "fuzz: building (the first time takes minutes)"
long "fuzz: building" "$logs/build.log" cargo +nightly fuzz build || fail "the fuzzer does not build; see $logs/build.log"

# The last value of a kind that libFuzzer printed.
figure() { # log, pattern before the number
  grep -o "$2 *[0-9][0-9]*" "$1" | tail -n 1 | grep -o '[0-9]*$' || printf '?'
}

for target in $(cargo +nightly fuzz list); do
  log=$logs/$target.log
  # The seeds are read only; what the fuzzer finds worth keeping goes into the corpus.
  mkdir -p "fuzz/corpus/$target"
  # The log ends in pages of stack; the line below says what they are about.
  long "$target" "$log" cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -max_len=40000 -timeout=10 -print_final_stats=1 2>/dev/null || {
    input=$(grep -oE 'fuzz/artifacts/[a-z_]+/(crash|leak|oom|timeout)-[0-9a-f]+' "$log" | tail -n 1 || true)
    rule=$(grep -A 1 'panicked at' "$log" | tail -n 1 | cut -c 1-150 || true)
    [ -n "$input" ] || fail "$target did not run; see $log"
    fail "$target: $input breaks a promise (${rule:-see $log}); once more: cargo +nightly fuzz run $target $input"
  }
  say "$target: $(figure "$log" number_of_executed_units:) inputs in $seconds s, $(figure "$log" cov:) edges covered," \
    "$(figure "$log" peak_rss_mb:) MB of memory at most, nothing found"
done
