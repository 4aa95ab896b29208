#!/usr/bin/env bash
# Every check of Latchkey, in the order in which a mistake shows soonest. Any failure ends the run.
#   ./test.sh [--no-browser]
# It starts a local cloud of its own, on a free port and with its state in target/test, and ends it.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

browser=yes
case "$*" in
  '') ;;
  --no-browser) browser=no ;;
  *) fail "unknown option $*; the only one is --no-browser" ;;
esac
started=$SECONDS

step() {
  printf '\n== %s (%s s)\n' "$1" "$((SECONDS - started))"
}

# The browser comes from the distribution; a download of its own by a test tool does not work everywhere.
install_browser() {
  local as_root=
  if ! command -v apt-get >/dev/null 2>&1; then return 1; fi
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as_root='sudo -n'
  fi
  # shellcheck disable=SC2086 # nothing where it is empty
  $as_root apt-get update && $as_root apt-get install --yes --no-install-recommends chromium chromium-driver
}

step 'tools'
folder=$PWD/target/test
mkdir -p "$folder"
tools "$folder"
need node "version 20 or newer, see https://nodejs.org"
if [ $browser = yes ] && ! command -v chromedriver >/dev/null 2>&1; then
  say "browser: installing chromium and chromium-driver"
  long "browser: installing" "$folder/browser.log" install_browser ||
    fail "a browser is missing: install Chromium and its driver (Debian: apt install chromium chromium-driver), or give --no-browser"
fi

step 'formatting'
cargo fmt --all --check
# The fuzzer and the lab are workspaces of their own, which only ./fuzz.sh and ./bench.sh build.
cargo fmt --manifest-path fuzz/Cargo.toml --check
cargo fmt --manifest-path lab/Cargo.toml --all --check

step 'scripts and template'
shellcheck -x ./*.sh scripts/*.sh lab/benchmark/*.sh .ci/run
cfn-lint template.yaml

step 'the tests that SECURITY.md and docs/defences.md name'
# shellcheck disable=SC2016 # the backquotes are Markdown's
names=$(grep -oh '`[a-z0-9]*_[a-z0-9_]*`' SECURITY.md docs/defences.md | tr -d '`' | sort -u)
for name in $names; do
  grep -rqE "(fn|def) $name\b" tests shared tools lab || fail "the test $name is named, and does not exist"
done

step 'lints'
cargo clippy --quiet --workspace --all-targets --locked -- -D warnings

step 'unit and property tests'
cargo test --quiet --workspace --exclude end-to-end --locked

step 'browser client'
node --test tests/web/

step 'extensions of the emulator'
python -m unittest discover --start-directory tests/local --pattern 'test_emulator.py'

step 'the service'
port=$(free_port)
trap './local.sh stop --dir "$folder"' EXIT
./local.sh --detach --fresh --dir "$folder" --port "$port"

step 'end to end'
skip=
[ $browser = yes ] || skip='--skip pages::'
# What the scripts build while a test runs would take the time limits of the tests beside it.
for tool in configure audit import-users; do cargo build --quiet --locked --package $tool; done
# Many calls at once need both cores, and a connection that takes a second is given up: by themselves first.
for alone in limits:: load:: connections_are_opened; do
  LATCHKEY_ENV=$folder/env cargo test --quiet --package end-to-end --locked -- $alone
done
# shellcheck disable=SC2086 # two words, or none
LATCHKEY_ENV=$folder/env cargo test --quiet --package end-to-end --locked -- --skip limits:: --skip load:: --skip connections_are_opened $skip

step 'local.sh'
python -m unittest discover --start-directory tests/local --pattern 'test_local.py'

[ $browser = yes ] || printf '\nThe pages were not tested: --no-browser.\n'
printf '\nAll checks passed in %s s.\n' "$((SECONDS - started))"
