# shellcheck shell=bash
# What init.sh and deploy.sh share: reading the configuration, and bringing the stack to a state.

say() {
  printf '[%3ss] %s\n' "$SECONDS" "$*"
}

# One line with the cause and the remedy, and nothing after it.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

need() { # command, how to get it
  command -v "$1" >/dev/null 2>&1 || fail "$1 is not installed: $2"
}

configure() {
  if [ -n "${LATCHKEY_CONFIGURE:-}" ]; then
    "$LATCHKEY_CONFIGURE" "$@"
  else
    cargo run --quiet --locked --package configure -- "$@"
  fi
}

# --config FILE is the only option of both scripts.
read_options() {
  CONFIG=config.json
  while [ $# -gt 0 ]; do
    case $1 in
      --config)
        [ $# -ge 2 ] || fail "--config needs a file"
        CONFIG=$2
        shift 2
        ;;
      *) fail "unknown option $1; the only one is --config FILE" ;;
    esac
  done
}

# Checks the configuration and the credentials, and sets a variable for each setting.
prepare() {
  need cargo "see https://rustup.rs"
  need aws "see https://aws.amazon.com/cli/"
  local settings
  settings=$(configure shell "$CONFIG") || exit 1
  eval "$settings"
  export AWS_DEFAULT_REGION=$REGION AWS_REGION=$REGION AWS_PAGER=
  # An endpoint of one's own is not reached with a profile of one's AWS account.
  if [ -n "$CLI_PROFILE" ] && [ -z "${AWS_ENDPOINT_URL:-}" ]; then
    export AWS_PROFILE=$CLI_PROFILE
  fi
  local account
  account=$(aws sts get-caller-identity --query Account --output text 2>&1) ||
    fail "no valid AWS credentials: set them up with 'aws configure', or name a profile as CLI_PROFILE in $CONFIG"
  [ "$account" = "$AWS_ACCOUNT_ID" ] ||
    fail "$CONFIG: AWS_ACCOUNT_ID is not the account of your credentials, which is $account"
  STACK=$FUNCTION_PREFIX
}

stack_status() {
  aws cloudformation describe-stacks --stack-name "$STACK" --query 'Stacks[0].StackStatus' --output text 2>/dev/null ||
    echo NONE
}

stack_output() { # key
  aws cloudformation describe-stacks --stack-name "$STACK" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

# The value that a parameter of the stack has now; empty where there is none.
stack_parameter() { # key
  local value
  value=$(aws cloudformation describe-stacks --stack-name "$STACK" --output text \
    --query "Stacks[0].Parameters[?ParameterKey=='$1'].ParameterValue" 2>/dev/null) || value=
  [ "$value" = None ] || printf '%s' "$value"
}

settle() {
  while :; do
    case $(stack_status) in
      *_IN_PROGRESS) sleep 1 ;;
      *) break ;;
    esac
  done
}

# Values go in as JSON, so that no character of a name is special.
parameter() { # key, value
  printf '{"ParameterKey":"%s","ParameterValue":"%s"}' "$1" "$(printf '%s' "$2" | sed 's/[\\"]/\\&/g')"
}

# Creates the stack or updates it with the settings and these code keys. Says "nothing to change" where it is so.
apply_stack() { # six code keys, in the order of OPERATIONS
  local parameters status command output
  parameters=$(
    printf '['
    parameter FunctionPrefix "$FUNCTION_PREFIX"
    while read -r key value; do
      printf ','
      parameter "$key" "$value"
    done <<END
Architecture $ARCHITECTURE
TableName $DDB_TABLE
SiteBucketName $BUCKET
IdentityPoolName $IDENTITY_POOL_NAME
DeveloperProviderName $DEVELOPER_PROVIDER_NAME
ServiceName $EXTERNAL_NAME
Sender $EMAIL_SOURCE
VerificationPage $VERIFICATION_PAGE
ResetPage $RESET_PAGE
PasswordMinLength $PASSWORD_MIN_LENGTH
PasswordHash $PASSWORD_HASH
PasswordHashRounds $PASSWORD_HASH_ROUNDS
RevealAccounts $REVEAL_ACCOUNTS
LogRetentionDays $LOG_RETENTION_DAYS
CreateUserCode $1
VerifyUserCode $2
LoginCode $3
ChangePasswordCode $4
LostPasswordCode $5
ResetPasswordCode $6
END
    printf ']'
  )
  settle
  status=$(stack_status)
  case $status in
    ROLLBACK_COMPLETE | ROLLBACK_FAILED | CREATE_FAILED | REVIEW_IN_PROGRESS)
      say "stack $STACK: removing what a failed first creation left"
      aws cloudformation delete-stack --stack-name "$STACK"
      settle
      status=NONE
      ;;
  esac
  command=update-stack
  case $status in NONE | DELETE_COMPLETE) command=create-stack ;; esac
  if ! output=$(aws cloudformation "$command" --stack-name "$STACK" --template-body file://template.yaml \
    --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --parameters "$parameters" 2>&1); then
    case $output in
      *"No updates are to be performed"*)
        say "stack $STACK: nothing to change"
        return
        ;;
      *) fail "stack $STACK: $(printf '%s' "$output" | tr -s '\n' ' ')" ;;
    esac
  fi
  say "stack $STACK: $command"
  settle
  status=$(stack_status)
  case $status in
    CREATE_COMPLETE | UPDATE_COMPLETE) say "stack $STACK: done" ;;
    *)
      # Newest first: the last failure listed is the first that happened, and the cause of the others.
      fail "stack $STACK is $status: $(aws cloudformation describe-stack-events --stack-name "$STACK" --output text \
        --query "StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]" |
        tail -1 | tr '\t' ' ')"
      ;;
  esac
}
