#!/usr/bin/env bash
# How long a build from clean takes, and a redeploy after a change of one line: in one function, and in what all six are made of.
# lab/benchmark/build.sh FILE.json, for ./bench.sh. It works in a copy of the sources, so that nothing here changes.
set -euo pipefail
cd "$(dirname "$0")/../.."
results=$(dirname "$1")
tree=$results/tree
rm -rf "$tree"
mkdir -p "$tree/.local"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --create | tar --extract --directory "$tree"
ln -s "$PWD/.local/venv" "$tree/.local/venv"
cd "$tree"
export CARGO_TARGET_DIR=$tree/target LATCHKEY_BUILD=lambda
# shellcheck source=scripts/common.sh
. scripts/common.sh
# shellcheck source=scripts/tools.sh
. scripts/tools.sh
begin_tools "$TARGET" deploy
finish_tools

timed() { # command...; says what it does, and leaves the seconds in took
  local before=$SECONDS
  "$@" || fail "$* failed"
  took=$((SECONDS - before))
}

redeploy() {
  local name
  for name in $(compgen -e AWS_ || true); do unset "$name"; done
  set -a
  # shellcheck source=/dev/null
  . "$TARGET/cloud/env"
  set +a
  export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_DEFAULT_REGION=$AWS_REGION
  ./deploy.sh --config "$TARGET/cloud/config.json"
}

say "build: from clean"
timed build_functions
clean=$took
trap './local.sh stop --dir "$TARGET/cloud"; rm -rf "$tree"' EXIT
./local.sh --detach --fresh --dir "$TARGET/cloud" --port "$(free_port)"

change() { # file, what it says, what it says instead
  grep -qF "$2" "$1" || fail "$1 has no line that says: $2"
  sed "s/$2/$3/" "$1" >"$TARGET/changed" && cp "$TARGET/changed" "$1"
  say "build: a redeploy after a change of one line in $1"
  timed redeploy
}

change functions/login/src/main.rs 'latchkey_lambda::serve::<Login>()' 'std::hint::black_box(latchkey_lambda::serve::<Login>())'
one=$took
change shared/runtime/src/lib.rs 'the Lambda runtime could not be started' '&, by this build'
printf '\nBuilding all six from clean took %s s, a redeploy after a change of one line %s s in one function, and %s s in what all share.\n' \
  "$clean" "$one" "$took"
printf '{ "cleanSeconds": %s, "redeployOneSeconds": %s, "redeployAllSeconds": %s }\n' "$clean" "$one" "$took" >"$1"
