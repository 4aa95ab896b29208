# shellcheck shell=bash
# Finding a KMS key that cannot be used before a deployment meets it. Needs scripts/common.sh, and the account and the stacks of
# notifier.sh. Rotation needs no look: the key keeps its ARN and its alias, and KMS decrypts with former material.

# Ends the script unless every key that the stacks of this account rely on can be used.
need_keys() {
  local key options
  # What a command of the owner's needs besides.
  options="--region $REGION${PROFILE:+ --profile $PROFILE}"
  STACK=$BUCKET_STACK
  read_stack
  key=$(of_stack KeyArn)
  if [ -n "$key" ]; then
    need_key "$key" "$(of_stack KeyAlias)" "$options" \
      "what the bucket $(of_stack Bucket) holds cannot be read any more: delete the stack $STACK as $(of_stack PolicyAdministrator), give another BucketName, and run this again"
    need_alias "$key" "$(of_stack KeyAlias)" "$options"
  fi
  [ "$SIDE/$(setting Callee Transport)" = callee/smtp ] && [ -n "$(setting Callee SmtpSecretArn)" ] || return 0
  # Without a key of the owner's own, Secrets Manager has AWS's, which nobody can disable.
  look aws secretsmanager describe-secret --secret-id "$(setting Callee SmtpSecretArn)" --query KmsKeyId --output text || return 0
  key=$FOUND
  case $key in
    *alias/*) need_key "$key" "alias/${key#*alias/}" "$options" "$REPLACE_SECRET" ;;
    *) need_key "$key" "$(alias_of "$key")" "$options" "$REPLACE_SECRET" ;;
  esac
}

REPLACE_SECRET='the credentials of the relay cannot be read any more: store them in a new secret, and name that as SmtpSecretArn'

# The first alias of a key, or what the key was called by.
alias_of() { # key
  look aws kms list-aliases --key-id "$1" --query 'Aliases[0].AliasName' --output text || FOUND=$1
  printf '%s' "$FOUND"
}

# Ends the script with one line unless a key is enabled.
need_key() { # key, alias, options of a command, what to do if it is deleted
  local key=$1 name=$2 options=$3 lost=$4 state deletion complaint
  if ! state=$(aws kms describe-key --key-id "$key" --query 'KeyMetadata.[KeyState,DeletionDate]' --output text 2>"$PRIVATE/complaint"); then
    complaint=$(tr -s '[:space:]' ' ' <"$PRIVATE/complaint")
    case $complaint in
      *NotFoundException*) state=Deleted ;;
      # KMS does not tell a caller without rights whether there is such a key.
      *AccessDenied*) fail "the key $name is deleted, or you may not look at it (kms:DescribeKey); nothing was changed: $complaint" ;;
      *) fail "the key $name: $complaint" ;;
    esac
  fi
  IFS=$'\t' read -r state deletion <<<"$state"
  case $state in
    Enabled) ;;
    Disabled) fail "the key $name is disabled, and nothing was changed: enable it with 'aws kms enable-key --key-id $key $options', and run this again" ;;
    PendingDeletion)
      fail "the key $name will be deleted on $deletion, and nothing was changed: keep it with 'aws kms cancel-key-deletion --key-id $key $options', enable it with 'aws kms enable-key --key-id $key $options', and run this again"
      ;;
    Deleted) fail "the key $name is deleted, and nothing was changed: $lost" ;;
    *) fail "the key $name is $state, and nothing was changed: see the KMS console" ;;
  esac
}

# Ends the script with one line unless the alias is the key's.
need_alias() { # key, alias, options of a command
  if ! look aws kms describe-key --key-id "$2" --query KeyMetadata.Arn --output text; then
    fail "the alias $2 is gone, and nothing was changed: give it back to its key with 'aws kms create-alias --alias-name $2 --target-key-id ${1##*/} $3', and run this again"
  fi
  [ "$FOUND" = "$1" ] ||
    fail "the alias $2 names another key, and nothing was changed: give it back to its own with 'aws kms update-alias --alias-name $2 --target-key-id ${1##*/} $3', and run this again"
}
