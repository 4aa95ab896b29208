#!/usr/bin/env bash
# Every check of Latchkey, in the order in which a mistake shows soonest. Any failure ends the run.
#   ./test.sh [--no-browser] [--deployed]
#                                all of it, on a local cloud of its own, which ends with it; --deployed: and the functions as
#                                they are deployed
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

what=all browser=yes deployed=no
case ${1:-} in
  fast | e2e | deployed)
    what=$1
    shift
    ;;
  *)
    while [ $# -gt 0 ]; do
      case $1 in
        --no-browser) browser=no ;;
        --deployed) deployed=yes ;;
        *) break ;;
      esac
      shift
    done
    ;;
esac
[ "$what" = e2e ] || [ $# = 0 ] || fail "unknown option $1; see the head of test.sh"
started=$SECONDS

step() {
  printf '\n== %s (%s s)\n' "$1" "$((SECONDS - started))"
}

# Runs a program beside what follows, with its output in a file. end_beside waits for all of them.
BESIDE=()
beside() { # what it is, program...
  local what=$1 log
  log=$logs/${what//[^a-z0-9]/-}.log
  shift
  step "$what, beside what follows"
  "$@" >"$log" 2>&1 &
  BESIDE+=("$! $log $what")
}

end_beside() {
  local one job log what
  for one in ${BESIDE[@]+"${BESIDE[@]}"}; do
    read -r job log what <<<"$one"
    wait "$job" || {
      cat "$log" >&2
      fail "$what: see above, or $log"
    }
    step "$what"
    tail -n 3 "$log"
  done
  BESIDE=()
}

# For a check that fails before they have ended: they end what they started.
stop_beside() {
  local one
  for one in ${BESIDE[@]+"${BESIDE[@]}"}; do
    kill "${one%% *}" 2>/dev/null || true
    wait "${one%% *}" || true
  done
}

# Installs packages of the distribution, where this user may.
install_packages() { # packages...
  local as_root=
  if ! command -v apt-get >/dev/null 2>&1; then return 1; fi
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as_root='sudo -n'
  fi
  # shellcheck disable=SC2086 # nothing where it is empty
  $as_root apt-get update && $as_root apt-get install --yes --no-install-recommends "$@"
}

# The browser comes from the distribution; a download of its own by a test tool does not work everywhere.
need_browser() {
  [ $browser = yes ] || return 0
  command -v chromedriver >/dev/null 2>&1 && return
  say "browser: installing chromium and chromium-driver"
  long "browser: installing" "$logs/browser.log" install_packages chromium chromium-driver ||
    fail "a browser is missing: install Chromium and its driver (Debian: apt install chromium chromium-driver), or give --no-browser"
}

# Sets AWS_CLI_2 to the AWS CLI of the distribution if that is of version 2, which tests/local/test_models.py holds the scripts against;
# the one on the path is of version 1. Nothing else needs it, so a run goes on without.
want_aws_cli_2() {
  local cli=/usr/bin/aws
  [ -x $cli ] || long "AWS CLI 2: installing" "$logs/aws-cli-2.log" install_packages awscli >/dev/null 2>&1 || true
  case $($cli --version 2>/dev/null) in
    aws-cli/2.*) export AWS_CLI_2=$cli ;;
    *) say "AWS CLI 2: the distribution has none, or it could not be installed, so the scripts are held against version 1 only" ;;
  esac
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
  step 'scripts and templates'
  ruff check --quiet --no-cache local lab tests tools local/aws_cli/aws
  shellcheck -x ./*.sh scripts/*.sh examples/*/*.sh lab/benchmark/*.sh .ci/run
  cfn-lint template.yaml stacks/hook.yaml stacks/hook-test.yaml stacks/lambda-trigger/*.yaml stacks/custom-resource.yaml \
    examples/custom-resource/*.yaml stacks/notifier/*.yaml
  python tools/policy-guard/inputs.py --check
}

check_names() {
  local names name suite
  for suite in tests/local/test_*.py; do
    suite=${suite##*/}
    grep -qwF "${suite%.py}" test.sh || fail "tests/local/$suite is not run: name it in test.sh"
  done
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

# Tests in Python, beside what follows.
beside_suite() { # what it is, modules in tests/local...
  local what=$1
  shift
  # What runs in the foreground has the stricter time limits.
  beside "$what" nice -n 5 env PYTHONPATH=tests/local python -m unittest "$@"
}

# The functions as they are deployed, and the one of the alarms, which a test brings in: building it would take the time limit of that test.
build_deployed() (
  # A process of its own, at whose end nothing is to be stopped.
  trap - EXIT
  step 'building the functions as they are deployed'
  # shellcheck disable=SC2034 # scripts/common.sh looks at it
  BUILD=lambda MORE_PACKAGES=notifier
  # shellcheck disable=SC2119 # without options of cargo lambda
  build_functions
)

# Whole journeys on the functions as they are deployed.
test_deployed() {
  folder=$PWD/target/deployed
  mkdir -p "$folder"
  trap 'stop_beside; ./local.sh stop --dir "$folder"' EXIT
  step 'the service, as it is deployed'
  LATCHKEY_BUILD=lambda ./local.sh --detach --fresh --dir "$folder" --port "$(free_port)"
  step 'end to end, as it is deployed'
  LATCHKEY_BUILD=lambda test_end_to_end "$folder" -E 'test(/^(deployed|journeys|faults|audit|trial)::/)'
}

# Every test but what only the functions as they are deployed can show.
NOT_DEPLOYED='not test(/^deployed::/)'
# Those that .config/nextest.toml runs by themselves.
ALONE='test(/^(limits|load)::|connections_are_opened/)'

logs=$PWD/target/test
mkdir -p "$logs"
need node "version 20 or newer, see https://nodejs.org"
step 'tools'
trap 'stop_beside; end_tools' EXIT
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
    begin_aws_cli "$logs"
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
    begin_aws_cli "$logs"
    build_deployed
    test_deployed
    ;;
  all)
    if [ $deployed = yes ]; then begin_tools "$logs" checks deploy; else begin_tools "$logs" checks; fi
    check_formatting
    check_names
    check_features
    finish_tools
    # While the compiler is at work, what needs none of what it makes.
    beside_suite 'extensions of the emulator, and its AWS CLI' test_aws_cli test_custom_resources test_emulator test_encryption_keys test_events test_hook
    check_lints
    check_scripts
    need_browser
    [ $browser = no ] || need_sample_sdk
    test_units
    end_beside

    step 'the service'
    folder=$PWD/target/test
    trap 'stop_beside; ./local.sh stop --dir "$folder"' EXIT
    # What the scripts build while a test runs would take the time limits of the tests beside it.
    build_host "$logs/host.log" import-users hello-world notifier user-table

    begin_aws_cli "$logs"
    step 'the local cloud'
    ./local.sh --detach --fresh --dir "$folder" --port "$(free_port)"

    want_aws_cli_2
    beside_suite 'scripts against the models of AWS, and against the emulator' test_models test_stacks test_whole_runs
    beside_suite 'the notifier in two accounts' test_notifier test_notifier_script
    beside_suite 'local.sh' test_local
    step 'end to end'
    pages=
    [ $browser = yes ] || pages=' & not test(/^(sample_)?pages::/)'
    test_end_to_end "$folder" -E "$NOT_DEPLOYED$pages & not $ALONE"
    end_beside
    step 'end to end, what needs the machine for itself'
    test_end_to_end "$folder" -E "$NOT_DEPLOYED & $ALONE"

    if [ $deployed = yes ]; then
      ./local.sh stop --dir "$folder"
      build_deployed
      test_deployed
    fi
    [ $browser = yes ] || printf '\nThe pages were not tested: --no-browser.\n'
    ;;
esac
printf '\nAll checks passed in %s s.\n' "$((SECONDS - started))"
