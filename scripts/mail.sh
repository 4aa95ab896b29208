# shellcheck shell=bash
# Whom SES takes mail from and to. Needs scripts/common.sh, and prepare to have run.

# The domain of an address, and those above it but the last, a line each: SES takes an address for verified if one of them is.
domains() { # address
  local domain=${1#*@}
  while case $domain in *.*) true ;; *) false ;; esac do
    printf '%s\n' "$domain"
    domain=${domain#*.}
  done
}

# Whether SES sends from an address.
is_verified() { # address
  # shellcheck disable=SC2046 # a word for each
  look aws ses get-identity-verification-attributes --identities "$1" $(domains "$1") --output text \
    --query "values(VerificationAttributes)[?VerificationStatus=='Success'].[VerificationStatus]"
}

# Whether SES is known to be in its sandbox, where it takes mail to verified addresses only. Who may not ask gets no answer.
in_sandbox() {
  [ "$(aws sesv2 get-account --query ProductionAccessEnabled --output text 2>/dev/null)" = False ]
}

# Says whatever keeps alarms from reaching the addresses of ALARM_EMAIL, and has AWS send the links that its owners have to open.
check_alarm_mail() {
  local address
  [ -n "$ALARM_EMAIL" ] || return 0
  if in_sandbox; then
    # The notifier writes addresses in lower case, and SES heeds the case of what is verified.
    for address in $(tr ',A-Z' ' a-z' <<<"$ALARM_EMAIL"); do
      is_verified "$address" || ask_to_verify "$address"
    done
  fi
  ask_to_confirm "${ALARM_EMAIL%%,*}"
}

# A link that nobody opened is good for a day.
ask_to_verify() { # address
  if look aws ses get-identity-verification-attributes --identities "$1" --output text \
    --query "values(VerificationAttributes)[?VerificationStatus=='Pending'].[VerificationStatus]"; then
    say "alarms: $1 gets none yet: SES is in its sandbox, and the address is not verified; open the link in the mail that AWS sent to it"
    return
  fi
  must aws ses verify-email-identity --email-address "$1"
  say "alarms: $1 gets none yet: SES is in its sandbox, and the address is not verified; AWS sends it a link to open"
}

# That the notifier itself fails is told by SNS, which asks the address first. A subscription that nobody confirms is gone after two days.
ask_to_confirm() { # address
  local topic endpoint=${1//\'/\\\'}
  topic=$(of_stack NotifierAlarmTopic)
  if ! look aws sns list-subscriptions-by-topic --topic-arn "$topic" --output text \
    --query "Subscriptions[?Endpoint=='$endpoint'].[SubscriptionArn]"; then
    must aws sns subscribe --topic-arn "$topic" --protocol email --notification-endpoint "$1" >/dev/null
    FOUND=PendingConfirmation
  fi
  [ "$FOUND" != PendingConfirmation ] ||
    say "alarms: $1 does not hear of it yet if mailing alarms fails; open the link in the mail of 'AWS Notifications'"
}
