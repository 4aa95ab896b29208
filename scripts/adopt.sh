# shellcheck shell=bash
# What was in the account before the stack. The table, the identity pool and the sender, which hold the owner's data and
# name, are taken over from the sample or an earlier stack; for what must be the stack's own the way is made clear first.
# shellcheck disable=SC2034 # the variables that adopt sets are read by apply_stack, in stack.sh, and by init.sh

# Whether the stack made this resource, by its name in the template and its name in the account. Both: the physical id
# of the roles' attachment is the pool's. No pipe: grep ends at the first match, and a longer list would fail in the pipe.
owns() { # logical id, physical id
  grep -qxF "$1	$2" <<<"$OWNED"
}

# Sets EXISTING_TABLE, EXISTING_IDENTITY_POOL and EXISTING_SENDER, which apply_stack hands to the template, and FOUND_HASHES.
adopt() {
  # What a rollback failed to delete, such as a table that is protected from deletion, is no longer the stack's.
  OWNED=
  if [ "$(of_stack status)" != NONE ]; then
    OWNED=$(must aws cloudformation list-stack-resources --stack-name "$STACK" --output text --query \
      "StackResourceSummaries[?!starts_with(ResourceStatus,'DELETE_')].[LogicalResourceId,PhysicalResourceId]")
  fi
  adopt_table
  adopt_identity_pool
  adopt_sender
  refuse_clashes
  refuse_public_access_block
}

# Whether the table is there. One with another key is no user table.
find_table() {
  local key type status
  look aws dynamodb describe-table --table-name "$DDB_TABLE" --output text --query \
    "Table.[join(',',KeySchema[].AttributeName),AttributeDefinitions[?AttributeName=='email'].AttributeType|[0],TableStatus]" || return 1
  IFS=$'\t' read -r key type status <<<"$FOUND"
  [ "$key $type" = "email S" ] ||
    fail "table $DDB_TABLE has another key than email, a string: choose another DDB_TABLE in $CONFIG"
  case $status in
    ACTIVE | UPDATING) ;;
    *) fail "table $DDB_TABLE is $status: run ./init.sh again when it is ACTIVE, or gone" ;;
  esac
}

# Ends the script where the resource is another stack's, which may change or delete it. One that a deleted stack retained is nobody's.
refuse_of_other_stack() { # what it is, type, physical id, what to do
  # The answer is all resources of that stack.
  look aws cloudformation describe-stack-resources --physical-resource-id "$3" --output text --query \
    "StackResources[?ResourceType=='$2' && PhysicalResourceId=='$3' && !starts_with(ResourceStatus,'DELETE_')].StackName | [0]" || return 0
  [ "$FOUND" = "$STACK" ] || fail "$1 is of the stack $FOUND: $4"
}

# The findings of a kind, a line each: what follows it, with commas for the tabs.
findings() { # kind
  printf '%s\n' "$FINDINGS" | awk -F '\t' -v kind="$1" '$1 == kind { sub(/^[^\t]*\t/, ""); gsub(/\t/, ", "); print }'
}

# Looks through the table, and says what is to be done about its keys. Sets FINDINGS, and FOUND_HASHES, the kinds of its hashes.
look_through_table() {
  build_tool user-table
  FINDINGS=$("$TARGET/debug/user-table" look "$DDB_TABLE") || exit 1
  FOUND_HASHES=$(findings hash | cut -d , -f 1 | tr '\n' ' ')
  local moves
  moves=$(findings move)
  [ -z "$moves" ] ||
    say "table $DDB_TABLE: $(printf '%s\n' "$moves" | wc -l | tr -d ' ') keys are addresses with capitals, and go under the address in lower case"
  say_leftovers
}

# By name, because only the owner can decide: nothing of it is changed.
say_leftovers() {
  local keys
  while IFS= read -r keys; do
    [ -z "$keys" ] || say "table $DDB_TABLE: these keys are one address, and none of them is moved: $keys"
  done <<<"$(findings collision)"
  while IFS= read -r keys; do
    [ -z "$keys" ] || say "table $DDB_TABLE: this key is no address, and its user cannot log in: $keys"
  done <<<"$(findings unusable)"
}

# Moves what look_through_table found, now that the stack stands.
move_keys() {
  [ -n "$(findings move)" ] || return 0
  FINDINGS=$("$TARGET/debug/user-table" move "$DDB_TABLE") || exit 1
  say "table $DDB_TABLE: $(findings move | wc -l | tr -d ' ') keys are moved"
  say_leftovers
}

# ./init.sh --dry-run: what would become of the keys of a table that is there, each by name. Changes nothing.
say_what_would_move() {
  FINDINGS='' FOUND_HASHES=''
  if find_table; then
    look_through_table
    findings move | while IFS= read -r move; do say "table $DDB_TABLE: would be moved: $move"; done
  else
    say "table $DDB_TABLE: is not there yet"
  fi
  # shellcheck disable=SC2086 # a word for each
  remember_hashes $FOUND_HASHES
  [ -z "$FORMER_HASHES" ] || say "password hashes: every login would pay for $FORMER_HASHES as well, until their users have logged in"
  say "nothing was changed"
}

adopt_table() {
  EXISTING_TABLE=false FINDINGS='' FOUND_HASHES=''
  owns Users "$DDB_TABLE" && return
  find_table || return 0
  refuse_of_other_stack "table $DDB_TABLE" AWS::DynamoDB::Table "$DDB_TABLE" \
    "choose another DDB_TABLE in $CONFIG, or let that stack retain it and let go of it"
  EXISTING_TABLE=true
  say "table $DDB_TABLE: was there before, and stays with its users"
  look_through_table

  look aws dynamodb describe-time-to-live --table-name "$DDB_TABLE" --output text \
    --query "TimeToLiveDescription.[TimeToLiveStatus,AttributeName]" || FOUND=
  case $FOUND in
    ENABL*expiresAt) ;;
    ENABL*) fail "table $DDB_TABLE expires items by another attribute than expiresAt: choose another DDB_TABLE in $CONFIG" ;;
    *)
      refuse_foreign_expiry
      must aws dynamodb update-time-to-live --table-name "$DDB_TABLE" \
        --time-to-live-specification Enabled=true,AttributeName=expiresAt >/dev/null
      say "table $DDB_TABLE: items now expire by expiresAt, which only Latchkey's own carry"
      ;;
  esac
  look aws dynamodb describe-continuous-backups --table-name "$DDB_TABLE" --output text \
    --query "ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus" || FOUND=
  if [ "$FOUND" != ENABLED ]; then
    must aws dynamodb update-continuous-backups --table-name "$DDB_TABLE" \
      --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true >/dev/null
    say "table $DDB_TABLE: point-in-time recovery is now on"
  fi
  look aws dynamodb describe-table --table-name "$DDB_TABLE" --query Table.DeletionProtectionEnabled --output text || FOUND=
  if [ "$FOUND" != True ]; then
    aws dynamodb update-table --table-name "$DDB_TABLE" --deletion-protection-enabled >/dev/null 2>&1 ||
      fail "table $DDB_TABLE could not be protected from deletion: protect it in the DynamoDB console, or check your rights and that your AWS CLI is of version 1, or 2.11 or newer"
    say "table $DDB_TABLE: is now protected from deletion"
  fi
}

# Ends the script where items would expire that Latchkey did not write: DynamoDB would delete them. An account has a hash, and an
# attempt counter its own kind of key; a table that was restored from a backup has both, and expires nothing yet.
refuse_foreign_expiry() {
  local count
  count=$(must aws dynamodb scan --table-name "$DDB_TABLE" --select COUNT --output json --query Count \
    --filter-expression 'attribute_exists(expiresAt) AND attribute_not_exists(passwordHash) AND NOT begins_with(email, :attempts)' \
    --expression-attribute-values '{":attempts":{"S":"attempts:"}}')
  [ "$count" = 0 ] ||
    fail "table $DDB_TABLE has $count items with expiresAt that are not Latchkey's, and would be deleted when that time comes: choose another DDB_TABLE in $CONFIG"
}

# Sets POOL to an identity pool that a deleted stack of this name left behind, which the template marks; empty if there is none.
find_pool_of_former_stack() {
  local pools
  POOL=
  look aws resourcegroupstaggingapi get-resources --resource-type-filters cognito-identity:identitypool --output text \
    --tag-filters "Key=latchkey:stack,Values=$STACK" --query 'ResourceTagMappingList[].[ResourceARN]' || return 0
  pools=$(sed -n 's,^.*:identitypool/,,p' <<<"$FOUND")
  case $pools in
    *[[:space:]]*) fail "several identity pools are of a former stack $STACK: $(tr '\n' ' ' <<<"$pools")- name the one with your users as IDENTITY_POOL_ID in $CONFIG" ;;
  esac
  POOL=$pools
}

adopt_identity_pool() {
  local pool=$IDENTITY_POOL_ID own
  own=$(awk -F '\t' '$1 == "IdentityPool" { print $2 }' <<<"$OWNED")
  # The users' identities are the pool's: one that is in use is not left because a line of the file is gone.
  [ -n "$pool" ] || pool=$(of_stack ExistingIdentityPool)
  if [ -z "$pool" ] && [ -z "$own" ]; then
    find_pool_of_former_stack
    pool=$POOL
  fi
  EXISTING_IDENTITY_POOL=
  [ -n "$pool" ] || return 0
  owns IdentityPool "$pool" && return
  if ! look aws cognito-identity describe-identity-pool --identity-pool-id "$pool" --output text \
    --query '[DeveloperProviderName,AllowUnauthenticatedIdentities]'; then
    say "identity pool $pool of $CONFIG is gone: the stack's own takes its place"
    return
  fi
  case $FOUND in
    "$DEVELOPER_PROVIDER_NAME	True") ;;
    "$DEVELOPER_PROVIDER_NAME	"*)
      fail "identity pool $pool does not allow guests, who must be able to sign up: allow them in the Cognito console"
      ;;
    *) fail "identity pool $pool has another developer provider: set DEVELOPER_PROVIDER_NAME in $CONFIG to its name" ;;
  esac
  refuse_of_other_stack "identity pool $pool" AWS::Cognito::IdentityPool "$pool" \
    "take IDENTITY_POOL_ID out of $CONFIG, and the service gets a pool of its own"
  EXISTING_IDENTITY_POOL=$pool
  say "identity pool $pool: was there before, and stays with its identities"
  [ -z "$own" ] || say "identity pool $own: leaves the stack, and stays in the account with its identities"
  leave_classic_flow
  say_former_roles
}

# The stack puts its own roles into the pool. What the former ones allowed is lost to logged-in users, unless their owner attaches it
# to the new role, so they are named while they are still there.
say_former_roles() {
  local role
  ! owns IdentityPoolRoles "$EXISTING_IDENTITY_POOL" || return 0
  look aws cognito-identity get-identity-pool-roles --identity-pool-id "$EXISTING_IDENTITY_POOL" --output text \
    --query 'values(Roles)[].[@]' || return 0
  for role in $FOUND; do
    say "identity pool $EXISTING_IDENTITY_POOL: the stack's role takes the place of $role, which stays in IAM; attach its policies to the new one if users need them"
  done
}

# Turns the classic flow off in the pool that is taken over: there a caller names the role and, unlike in the enhanced flow, Cognito
# does not narrow what a guest may do. An update replaces the whole pool, so it repeats all that was described.
leave_classic_flow() {
  look aws cognito-identity describe-identity-pool --identity-pool-id "$EXISTING_IDENTITY_POOL" --output text \
    --query AllowClassicFlow || FOUND=
  [ "$FOUND" != False ] || return 0
  private_folder
  # shellcheck disable=SC2016 # the backquotes are JMESPath's
  must aws cognito-identity describe-identity-pool --identity-pool-id "$EXISTING_IDENTITY_POOL" --output json \
    --query 'merge(@, {AllowClassicFlow: `false`})' >"$PRIVATE/pool.json"
  must aws cognito-identity update-identity-pool --cli-input-json "file://$PRIVATE/pool.json" >/dev/null
  say "identity pool $EXISTING_IDENTITY_POOL: the classic flow is now off"
}

adopt_sender() {
  EXISTING_SENDER=false
  if ! owns SenderIdentity "$EMAIL_SOURCE"; then
    if is_verified "$EMAIL_SOURCE"; then
      EXISTING_SENDER=true
      say "sender $EMAIL_SOURCE: SES knows it already"
      return
    fi
    # The stack makes it, and SES sends the link.
    look aws ses list-identities --query "Identities[?@=='$EMAIL_SOURCE']" --output text || return 0
    EXISTING_SENDER=true
  elif is_verified "$EMAIL_SOURCE"; then
    return
  fi
  # Nobody opened the link, which is good for a day.
  must aws ses verify-email-identity --email-address "$EMAIL_SOURCE"
  say "sender $EMAIL_SOURCE: SES knows it, but it is not verified; AWS sends it a new link"
}

refuse_clashes() {
  local name existing complaint new_functions='' new_groups='' clashes=
  while read -r name _; do
    owns "$name" "$FUNCTION_PREFIX$name" || new_functions="$new_functions $FUNCTION_PREFIX$name"
    owns "${name}Log" "/aws/lambda/$FUNCTION_PREFIX$name" || new_groups="$new_groups /aws/lambda/$FUNCTION_PREFIX$name"
  done <<<"$FUNCTIONS"
  if [ -n "$new_functions" ]; then
    existing=$(must aws lambda list-functions --output text --query "Functions[?starts_with(FunctionName,'$FUNCTION_PREFIX')].[FunctionName]")
    for name in $new_functions; do
      ! grep -qxF "$name" <<<"$existing" || clashes="$clashes function $name,"
    done
  fi
  if [ -n "$new_groups" ]; then
    existing=$(must aws logs describe-log-groups --log-group-name-prefix "/aws/lambda/$FUNCTION_PREFIX" --output text \
      --query 'logGroups[].[logGroupName]')
    for name in $new_groups; do
      ! grep -qxF "$name" <<<"$existing" || clashes="$clashes log group $name,"
    done
  fi
  [ -z "$clashes" ] ||
    fail "already in the account:${clashes%,}; delete them, or set another FUNCTION_PREFIX in $CONFIG"
  # It holds nothing that is worth taking over, and one of another service's is not ours to use.
  if ! owns Outbox "${DDB_TABLE}Outbox" &&
    look aws dynamodb describe-table --table-name "${DDB_TABLE}Outbox" --query Table.TableStatus --output text; then
    fail "table ${DDB_TABLE}Outbox is already in the account, and the service makes one of this name: delete it, or choose another DDB_TABLE in $CONFIG"
  fi
  if ! owns Site "$BUCKET"; then
    ! complaint=$(aws s3api head-bucket --bucket "$BUCKET" --expected-bucket-owner "$AWS_ACCOUNT_ID" 2>&1 >/dev/null) ||
      fail "bucket $BUCKET is in the account, and is not the stack's: delete it if nobody needs it, or choose another BUCKET in $CONFIG"
    # Forbidden is an answer too: the bucket is somebody else's.
    case $complaint in
      *"(404)"* | *NotFound* | *NoSuchBucket*) ;;
      *) fail "bucket $BUCKET is taken: choose another BUCKET in $CONFIG" ;;
    esac
  fi
}

# The pages are public by a policy of their bucket. An account may refuse all such policies, and then the stack would fail with no more
# than "Access Denied".
refuse_public_access_block() {
  ! owns SitePolicy "$BUCKET" || return 0
  local setting
  private_folder
  if ! setting=$(aws s3control get-public-access-block --account-id "$AWS_ACCOUNT_ID" --output text \
    --query 'PublicAccessBlockConfiguration.[BlockPublicPolicy,RestrictPublicBuckets]' 2>"$PRIVATE/complaint"); then
    # Without a block there is nothing to read. Who may not read it may still set the service up.
    grep -q NoSuchPublicAccessBlockConfiguration "$PRIVATE/complaint" ||
      say "account $AWS_ACCOUNT_ID: whether it blocks public access to all its buckets could not be read, and if it does, the stack fails at SitePolicy:$(tr -s '[:space:]' ' ' <"$PRIVATE/complaint")"
    return 0
  fi
  case $setting in
    *True*)
      fail "account $AWS_ACCOUNT_ID blocks public access to all its buckets, and the pages are public: turn 'Block public and cross-account access through any public bucket policies' off in the S3 console, under 'Block Public Access settings for this account', or use another account; the buckets of yours that must not be public keep a block of their own"
      ;;
  esac
}
