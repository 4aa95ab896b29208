#!/usr/bin/env bash
# Every check of Latchkey, in the order in which a mistake shows soonest. Any failure ends the run.
set -euo pipefail
cd "$(dirname "$0")"

step() {
  printf '\n== %s (%ss)\n' "$1" "$SECONDS"
}

step 'formatting'
cargo fmt --all --check

step 'lints'
cargo clippy --workspace --all-targets --locked -- -D warnings

step 'unit and property tests'
cargo test --workspace --locked

step 'browser client'
node --test tests/web/

printf '\nAll checks passed in %s s.\n' "$SECONDS"
