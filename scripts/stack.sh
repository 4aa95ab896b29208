# shellcheck shell=bash
# Bringing the stack to a state. Needs scripts/common.sh, and prepare to have run.

# Reads the stack: a line for its status, whether its template is named for Latchkey, each parameter and each output, as name, tab, value.
read_stack() {
  STACK_LINES=status$(printf '\t')NONE
  # shellcheck disable=SC2016 # the backquotes are JMESPath's
  if look aws cloudformation describe-stacks --stack-name "$STACK" --output text \
    --query 'Stacks[0].[[[`status`,StackStatus],[`latchkey`,starts_with(not_null(Description,`""`),`"Latchkey, "`)]],Parameters[].[ParameterKey,ParameterValue],Outputs[].[OutputKey,OutputValue]][]'; then
    STACK_LINES=$FOUND
  fi
}

# Ends the script where another product's stack has this name: it must not be updated, and least of all deleted. Ours has our
# parameters, or, as long as it has nothing but the code bucket, our description. One that waits for its first change set holds nothing.
refuse_other_stack() {
  case $(of_stack status) in NONE | REVIEW_IN_PROGRESS | DELETE_COMPLETE) return ;; esac
  [ "$(of_stack latchkey)" = True ] ||
    { [ "$(of_stack FunctionPrefix)" = "$STACK" ] && [ -n "$(of_stack DeveloperProviderName)" ]; } ||
    fail "stack $STACK is in the account, and is not Latchkey's: set another FUNCTION_PREFIX in $CONFIG"
}

# The status, a parameter or an output of the stack as it was last read; empty where there is none. No pipe: awk ends at the first,
# and what writes into a pipe that is closed fails.
of_stack() { # name
  awk -F '\t' -v name="$1" '$1 == name && $2 != "None" { print $2; exit }' <<<"$STACK_LINES"
}

# Reads the stack, and waits until nothing is under way.
settle() {
  read_stack
  settle_as_read
}

# As settle, where the stack has just been read.
settle_as_read() {
  local since=$SECONDS
  while true; do
    case $(of_stack status) in
      # A change set waits to be executed, which may be for ever.
      REVIEW_IN_PROGRESS) return ;;
      *_IN_PROGRESS) ;;
      *) return ;;
    esac
    sleep 1
    if [ $((SECONDS - since)) -ge 15 ]; then
      since=$SECONDS
      say "stack $STACK: $(of_stack status)"
    fi
    read_stack
  done
}

# A token for one operation: its events carry it.
new_token() {
  printf 'latchkey-%s-%s-%s' "$(date +%s)" $$ "$RANDOM"
}

# Makes way for a stack, or for the next update of one, after an operation that did not end well.
#
# A first creation that failed leaves a stack that can only be deleted. It holds nothing: a bucket for code gets its first object when
# its stack is complete. A deletion that failed is repeated, because somebody asked for it.
clear_failed_stack() {
  settle_as_read
  case $(of_stack status) in
    ROLLBACK_COMPLETE | ROLLBACK_FAILED | CREATE_FAILED | REVIEW_IN_PROGRESS | DELETE_FAILED)
      say "stack $STACK: removing what a failed creation or deletion left"
      remove_stack
      ;;
    *) complete_rollback ;;
  esac
}

remove_stack() {
  local token complaint
  token=$(new_token)
  complaint=$(aws cloudformation delete-stack --stack-name "$STACK" --client-request-token "$token" 2>&1) || case $complaint in
    *TerminationProtection*)
      fail "stack $STACK has to be deleted, and is protected from it: turn its termination protection off in the CloudFormation console, and run ./init.sh again" ;;
    *) fail_call "$complaint" ;;
  esac
  settle
  [ "$(of_stack status)" != DELETE_FAILED ] ||
    fail "stack $STACK could not be deleted: $(first_failure "$token"); put that right (empty a bucket that is not empty), or delete the stack in the CloudFormation console and keep this resource there, then run the script again"
}

# An update whose rollback failed too, or was turned off: until that is complete, CloudFormation takes no other update.
complete_rollback() {
  local token
  token=$(new_token)
  case $(of_stack status) in
    UPDATE_ROLLBACK_FAILED)
      say "stack $STACK: completing the rollback of a failed update"
      must aws cloudformation continue-update-rollback --stack-name "$STACK" --client-request-token "$token" >/dev/null
      ;;
    UPDATE_FAILED)
      say "stack $STACK: rolling back a failed update"
      must aws cloudformation rollback-stack --stack-name "$STACK" --client-request-token "$token" >/dev/null
      ;;
    *) return 0 ;;
  esac
  settle
  [ "$(of_stack status)" != UPDATE_ROLLBACK_FAILED ] ||
    fail "the rollback of stack $STACK fails: $(first_failure "$token"); put that right, or choose 'Continue update rollback' in the CloudFormation console and skip this resource, then run the script again"
}

# Ends the script unless init.sh has made the stack, and it can be updated.
need_stack() {
  settle_as_read
  case $(of_stack status) in
    ROLLBACK_* | DELETE_* | CREATE_FAILED | REVIEW_IN_PROGRESS) fail "stack $STACK is $(of_stack status): run ./init.sh first" ;;
  esac
  # A first creation that failed may have left the bucket alone.
  [ -n "$(of_stack CodeBucket)" ] && [ -n "$(of_stack Revision)" ] || fail "stack $STACK is not there: run ./init.sh first"
}

# The first failure of an operation, which is the cause of those after it. The events span the whole life of the stack, the
# newest first; those of one operation have its token.
first_failure() { # token
  local reason
  reason=$(aws cloudformation describe-stack-events --stack-name "$STACK" --output text \
    --query "StackEvents[?ClientRequestToken=='$1' && contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]" |
    grep . | tail -n 1 | tr -s '[:space:]' ' ') || reason=
  reason=${reason% }
  case $reason in
    '' | *' None' | *DescribeEvents* | *"FAILED event"*) reason=$(validation_failure "$reason") ;;
  esac
  printf '%s' "${reason:-see the events of the stack in the CloudFormation console}"
}

# Why the latest operation failed before it began, or a hook stopped it: that is in no stack event. An AWS CLI from before
# describe-events says what the stack event says.
validation_failure() { # what the stack event says
  local reasons
  reasons=$(aws cloudformation describe-events --stack-name "$STACK" --filters FailedEvents=true --output text \
    --query "OperationEvents[?ValidationStatusReason || HookStatusReason].[OperationId,LogicalResourceId,ValidationStatusReason||HookStatusReason]" \
    2>/dev/null) || reasons=
  reasons=$(printf '%s\n' "$reasons" |
    awk -F '\t' 'NF > 2 { if (!operation) operation = $1; if ($1 == operation) print $2 ": " $3 }' | tr -s '[:space:]' ' ')
  reasons=${reasons% }
  printf '%s' "${reasons:-${1% None}}"
}

# Creates or updates the stack and waits for the end. Returns 1 if there is nothing to change.
change_stack() { # create-stack or update-stack, its options...
  local command=$1 output status token
  token=$(new_token)
  shift
  if ! output=$(aws cloudformation "$command" --stack-name "$STACK" --client-request-token "$token" "$@" 2>&1); then
    case $output in
      *"No updates are to be performed"*) return 1 ;;
      *) fail_call "stack $STACK: $output" ;;
    esac
  fi
  say "stack $STACK: $command"
  settle
  status=$(of_stack status)
  case $status in
    CREATE_COMPLETE | UPDATE_COMPLETE) ;;
    *) fail "stack $STACK is $status: $(first_failure "$token")" ;;
  esac
}

# Creates the stack, or updates it, whatever state it is in. Says "nothing to change" where it is so.
deploy_stack() { # template, capability, a file with the parameters as JSON
  local command=update-stack
  read_stack
  clear_failed_stack
  case $(of_stack status) in NONE | DELETE_COMPLETE) command=create-stack ;; esac
  if change_stack "$command" --template-body "file://$1" --capabilities "$2" --parameters "file://$3"; then
    say "stack $STACK: done"
  else
    say "stack $STACK: nothing to change"
  fi
}

# The code keys that the stack has, as its parameters: NAMECode=key. A function that is new has none.
current_code() {
  local name
  while read -r name _; do printf '%sCode=%s\n' "$name" "$(of_stack "${name}Code")"; done <<<"$FUNCTIONS"
}

# Sets FORMER_HASHES, the kinds of password hashes that may remain in the table from before PASSWORD_HASH; apply_stack keeps them.
# Refuses a lower cost. Those that were found in a table taken over are added.
remember_hashes() { # kinds...
  FORMER_HASHES=$(latchkey former "$CONFIG" "$(of_stack PasswordHash)" "$(of_stack PasswordHashRounds)" \
    "$(of_stack FormerPasswordHashes)" "$*") || exit 1
}

# Drops the former kinds, where no account has such a hash any more.
forget_hashes() {
  local left
  [ -n "$FORMER_HASHES" ] || return 0
  build_tool user-table
  left=$("$TARGET/debug/user-table" remaining "$DDB_TABLE" "$FORMER_HASHES") || exit 1
  [ "$left" = 0 ] ||
    fail "$left accounts still have a hash of $FORMER_HASHES: their owners have not logged in since; without --former-hashes-gone they stay hidden"
  say "password hashes: none of $FORMER_HASHES is left"
  FORMER_HASHES=
}

# Judges the template with the settings before anything is changed, and ends the script if it breaks a rule. An owner's own rules and
# exceptions are in guard.toml beside the configuration. Hidden parameters are not looked at, and a condition is judged both ways, so
# what the scripts find out later makes no difference.
judge_template() {
  local digest files=(template.yaml stacks/guard.toml)
  private_folder
  (umask 077 && latchkey parameters "$CONFIG" template.yaml >"$PRIVATE/judged.json") || exit 1
  [ ! -e "$(own_rules)" ] || files+=("$(own_rules)")
  digest=$(cat "${files[@]}" "$PRIVATE/judged.json" | sha256)
  # init.sh ends with deploy.sh, which has nothing to judge if it is all the same.
  if [ "$digest" != "${LATCHKEY_JUDGED:-}" ]; then
    judge "$PRIVATE/judged.json"
    say "guard: $VERDICT"
    export LATCHKEY_JUDGED=$digest
  fi
  rm -f "$PRIVATE/judged.json"
}

own_rules() {
  printf '%s/guard.toml' "$(dirname "$CONFIG")"
}

# Judges the template with these parameters, and sets VERDICT or ends the script.
judge() { # file of parameters
  local rules=()
  [ ! -e "$(own_rules)" ] || rules=(--rules "$(own_rules)")
  VERDICT=$(latchkey guard template.yaml --parameters "$1" --of-template stacks/guard.toml ${rules[@]+"${rules[@]}"}) ||
    fail "the guard refuses the template, and nothing was changed"
}

# Writes the parameters of the stack into a private file: with the settings, with what was there before the stack (EXISTING_...,
# FORMER_HASHES), with the keys and with these code keys. They hold keys, so they go by a file.
write_parameters() { # NAMECode=key...
  prepare_keys
  (umask 077 && latchkey parameters "$CONFIG" template.yaml "FormerPasswordHashes=$FORMER_HASHES" "ExistingTable=$EXISTING_TABLE" \
    "ExistingIdentityPool=$EXISTING_IDENTITY_POOL" "ExistingSender=$EXISTING_SENDER" "$@" "${KEY_ARGUMENTS[@]}" \
    >"$PRIVATE/parameters.json") || exit 1
}

# ./deploy.sh --plan: judges the template with the parameters that apply_stack would give the stack, and says what would change of it.
# Changes nothing.
plan_stack() { # NAMECode=key...
  local lines line
  write_parameters "$@"
  judge "$PRIVATE/parameters.json"
  must aws cloudformation get-template --stack-name "$STACK" --template-stage Original --query TemplateBody --output text \
    >"$PRIVATE/deployed.yaml"
  lines=$(latchkey plan "$PRIVATE/deployed.yaml" template.yaml "$PRIVATE/parameters.json" <<<"$STACK_LINES") || exit 1
  rm -rf "$PRIVATE/keys" "$PRIVATE/parameters.json" "$PRIVATE/deployed.yaml"
  case $(of_stack status) in
    UPDATE_*FAILED) say "stack $STACK: would complete the rollback of a failed update first" ;;
  esac
  if [ -z "$lines" ]; then
    say "stack $STACK: nothing to change"
  else
    while IFS= read -r line; do say "stack $STACK: would change: $line"; done <<<"$lines"
  fi
}

# Creates the stack or updates it with the settings, with what was there before it (EXISTING_..., FORMER_HASHES) and with these code keys.
# Says "nothing to change" where it is so.
apply_stack() { # NAMECode=key...
  local code_bucket key
  settle
  case $(of_stack status) in
    UPDATE_*FAILED) complete_rollback ;;
    # The template is read from the code bucket, and the bucket is the stack's own.
    NONE | DELETE_COMPLETE) change_stack create-stack --template-body "$(latchkey bootstrap)" ;;
  esac
  code_bucket=$(of_stack CodeBucket)
  [ -n "$code_bucket" ] || fail "stack $STACK has no code bucket: delete it in the CloudFormation console, and run ./init.sh again"
  key=templates/$(sha256 <template.yaml).yaml
  if ! aws s3api head-object --bucket "$code_bucket" --key "$key" >/dev/null 2>&1; then
    must aws s3api put-object --bucket "$code_bucket" --key "$key" --body template.yaml >/dev/null
  fi
  write_parameters "$@"
  # The endpoint of S3 with the bucket in the path: the local cloud understands no other form.
  if change_stack update-stack --template-url "${AWS_ENDPOINT_URL:-https://s3.$REGION.amazonaws.com}/$code_bucket/$key" \
    --capabilities CAPABILITY_IAM --parameters "file://$PRIVATE/parameters.json"; then
    say "stack $STACK: done"
  else
    say "stack $STACK: nothing to change"
  fi
  # The stack has them now, and keeps them.
  rm -rf "$PRIVATE/keys" "$PRIVATE/parameters.json"
}
