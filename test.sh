#!/usr/bin/env bash
# Every check of Latchkey, in the order in which a mistake shows soonest. Any failure ends the run.
#   ./test.sh [--no-browser]     all of it, on a local cloud of its own, which ends with it
#   ./test.sh fast               formatting, lints, unit and property tests, the browser client: no local cloud
#   ./test.sh e2e [NAME...]      the end-to-end tests whose names hold NAME, on a local cloud in target/e2e that stays up:
#                                the next run deploys what has changed. ./local.sh stop --dir target/e2e ends it.
#   ./test.sh deployed           the functions as they are deployed on AWS: the size of their zips, and whole journeys on them
set -euo pipefail
cd "$(dirname "$0")"
export LATCHKEY_BUILD=host
# shellcheck disable=SC2034 # scripts/common.sh looks at it
LOCAL_ENDPOINT=http://localhost:0
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

what=all browser=yes
case ${1:-} in
  fast | e2e | deployed)
    what=$1
    shift
    ;;
  --no-browser)
    browser=no
    shift
    ;;
esac
[ "$what" = e2e ] || [ $# = 0 ] || fail "unknown option $1; see the head of test.sh"
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

need_browser() {
  [ $browser = yes ] || return 0
  command -v chromedriver >/dev/null 2>&1 && return
  say "browser: installing chromium and chromium-driver"
  long "browser: installing" "$logs/browser.log" install_browser ||
    fail "a browser is missing: install Chromium and its driver (Debian: apt install chromium chromium-driver), or give --no-browser"
}

# The test runner. Each test is a process of its own; .config/nextest.toml says which may run side by side.
nextest() {
  cargo nextest run --locked --cargo-quiet "$@"
}

check_formatting() {
  step 'formatting'
  cargo fmt --all --check
  # The fuzzer and the lab are workspaces of their own, which only ./fuzz.sh and ./bench.sh build.
  cargo fmt --manifest-path fuzz/Cargo.toml --check
  cargo fmt --manifest-path lab/Cargo.toml --all --check
}

check_scripts() {
  step 'scripts and template'
  shellcheck -x ./*.sh scripts/*.sh examples/*/*.sh lab/benchmark/*.sh .ci/run
  cfn-lint template.yaml stacks/hook.yaml stacks/hook-test.yaml stacks/lambda-trigger/*.yaml stacks/custom-resource.yaml \
    examples/custom-resource/*.yaml stacks/notifier/*.yaml
  python tools/policy-guard/inputs.py --check
}

check_names() {
  local names name
  step 'the tests that SECURITY.md and the documents name'
  # shellcheck disable=SC2016 # the backquotes are Markdown's
  names=$(grep -oh '`[a-z0-9]*_[a-z0-9_]*`' SECURITY.md docs/defences.md docs/around-the-stack.md docs/first-run-on-aws.md |
    tr -d '`' | sort -u)
  for name in $names; do
    grep -rqE "(fn|def) $name\b" tests shared providers tools lab functions || fail "the test $name is named, and does not exist"
  done
}

# A crate that is built with other features for the local cloud than for the tests is compiled twice, and with it all that is built
# on it. tests/Cargo.toml is where that is mended.
check_features() {
  local host all apart
  step 'what the local cloud and the tests share'
  features() {
    cargo tree --locked --format '{p}|{f}' --prefix none "$@" | sed 's/ (\*)$//' | sort -u
  }
  host=$(features --edges normal,build --package end-to-end)
  all=$(features --edges normal,build,dev --workspace)
  apart=$(comm -23 <(printf '%s\n' "$host") <(printf '%s\n' "$all"))
  [ -z "$apart" ] || fail "the tests build these with other features than the local cloud: $(printf '%s' "$apart" | tr '\n' ' ')"
}

check_lints() {
  step 'lints'
  cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
}

test_units() {
  step 'unit and property tests'
  # With the end-to-end tests in the selection, for the sake of the features; they are built, and not run.
  nextest --workspace -E 'not package(end-to-end)'

  step 'browser client'
  node --test --test-reporter=dot tests/web/
}

test_end_to_end() { # the local cloud's folder, what nextest takes...
  local folder=$1
  shift
  LATCHKEY_ENV=$folder/env nextest --package end-to-end "$@"
}

# Every test but what only the functions as they are deployed can show.
NOT_DEPLOYED='not test(/^deployed::/)'

logs=$PWD/target/test
mkdir -p "$logs"
need node "version 20 or newer, see https://nodejs.org"
step 'tools'
trap end_tools EXIT
case $what in
  fast)
    begin_tools "$logs" checks
    finish_tools
    check_formatting
    check_scripts
    check_names
    check_features
    check_lints
    test_units
    ;;
  e2e)
    begin_tools "$logs" checks
    finish_tools
    folder=$PWD/target/e2e
    mkdir -p "$folder"
    need_browser
    need_sample_sdk
    step 'the service'
    port=()
    ./local.sh status --dir "$folder" >/dev/null || port=(--port "$(free_port)")
    ./local.sh --detach --dir "$folder" ${port[@]+"${port[@]}"} &
    # The tests are compiled beside the deployment.
    cargo test --quiet --no-run --locked --package end-to-end >"$logs/end-to-end.log" 2>&1 ||
      { tail -n 30 "$logs/end-to-end.log" >&2 && fail "the end-to-end tests do not build; see $logs/end-to-end.log"; }
    wait $! || fail "the service does not start"
    step 'end to end'
    test_end_to_end "$folder" --no-fail-fast -E "$NOT_DEPLOYED" "$@"
    ;;
  deployed)
    begin_tools "$logs" checks deploy
    finish_tools
    export LATCHKEY_BUILD=lambda
    folder=$PWD/target/deployed
    mkdir -p "$folder"
    trap './local.sh stop --dir "$folder"' EXIT
    step 'the service, as it is deployed'
    ./local.sh --detach --fresh --dir "$folder" --port "$(free_port)"
    step 'end to end'
    test_end_to_end "$folder" -E 'test(/^(deployed|journeys|faults|audit|trial)::/)'
    ;;
  all)
    begin_tools "$logs" checks
    check_formatting
    check_names
    check_features
    check_lints
    finish_tools
    check_scripts
    need_browser
    [ $browser = no ] || need_sample_sdk
    test_units

    step 'extensions of the emulator'
    python -m unittest discover --start-directory tests/local --pattern 'test_[ceh]*.py'

    step 'the service'
    folder=$PWD/target/test
    trap './local.sh stop --dir "$folder"' EXIT
    # What the scripts build while a test runs would take the time limits of the tests beside it.
    build_host "$logs/host.log" import-users hello-world notifier user-table

    step 'scripts against the models of AWS, and against the emulator'
    python -m unittest discover --start-directory tests/local --pattern 'test_models.py'
    python -m unittest discover --start-directory tests/local --pattern 'test_stacks.py'

    step 'the local cloud'
    ./local.sh --detach --fresh --dir "$folder" --port "$(free_port)"

    step 'end to end'
    pages=
    [ $browser = yes ] || pages=' & not test(/^(sample_)?pages::/)'
    test_end_to_end "$folder" -E "$NOT_DEPLOYED$pages"

    step 'the notifier in two accounts'
    python -m unittest discover --start-directory tests/local --pattern 'test_notifier.py'

    step 'local.sh'
    python -m unittest discover --start-directory tests/local --pattern 'test_local.py'
    [ $browser = yes ] || printf '\nThe pages were not tested: --no-browser.\n'
    ;;
esac
printf '\nAll checks passed in %s s.\n' "$((SECONDS - started))"
