"""Lets SES say no where it does on AWS: identities that are not verified, and rights to each identity that a mail touches.

- A new identity counts as verified at once, which is what a local service needs. An address with the tag `+pending`
  (owner+pending@example.com) stays Pending instead, as if nobody opened the link, and one with `+failed` is Failed until it is
  verified again. Each VerifyEmailIdentity for such an address leaves the mail of AWS among the mails that were sent.
- GetIdentityVerificationAttributes leaves out what is no identity.
- SendEmail is authorized, beside the sender's identity, on the identity of each recipient that has one in this account, and on the
  configuration set of the mail or the sender's default one. In the sandbox every recipient has one. AWS does not document that; it is
  reported, for one in issue 34402 of aws-cdk.

The sandbox itself is the emulator's: PutAccountDetails with ProductionAccessEnabled=false.
"""

import re
from email.utils import parseaddr
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.services import ses, ses_v2
from ministack.services.cloudformation import provisioners

from . import require

require.attributes(
    ses, "_identities", "_make_identity", "_record_send", "_verify_email_identity", "_get_identity_verification_attributes",
    "_domain_and_parents",
)
require.attributes(ses_v2, "_identities")
require.attributes(iam_actions, "request_tag_context")
require.attributes(iam_evaluator, "enforce")
require.attributes(provisioners, "_RESOURCE_HANDLERS")

ALSO = "latchkey:AlsoOn"
_make_identity = ses._make_identity
_verify = ses._verify_email_identity
_attributes = ses._get_identity_verification_attributes
_enforce = iam_evaluator.enforce


def install():
    """Puts the extension in place, around the extension that names the sender."""
    ses._make_identity = make_identity
    ses._verify_email_identity = verify_email_identity
    ses._get_identity_verification_attributes = verification_attributes
    iam_evaluator.enforce = enforce
    of_request = iam_actions.request_tag_context

    def request_context(service, iam_action, body, routing_params):
        context = of_request(service, iam_action, body, routing_params)
        also = touched(body) if service == "ses" and iam_action == "ses:SendEmail" else []
        return {**context, ALSO: also} if also else context

    iam_actions.request_tag_context = request_context
    create_in_stack()


# --- identities that are not verified ---


def tag(identity):
    """`pending`, `failed`, or None."""
    found = re.search(r"\+(pending|failed)@", identity)
    return found and found.group(1)


def make_identity(identity, identity_type):
    """The emulator's own, in the state that the address's tag asks for."""
    made = _make_identity(identity, identity_type)
    known = ses._identities.get(identity)
    if tag(identity):
        # Asked for a second time, one that had failed is pending again.
        made["VerificationStatus"] = "Failed" if tag(identity) == "failed" and not known else "Pending"
    return made


def verify_email_identity(params):
    """The emulator's own, and the mail of AWS to an address that is not verified by that."""
    answer = _verify(params)
    address = (params.get("EmailAddress") or [""])[0]
    if tag(address):
        ses._record_send("no-reply-aws@amazon.com", [address], subject="Amazon Web Services: Email Address Verification Request")
    return answer


def verification_attributes(params):
    """The emulator's own, without what is no identity."""
    asked = [key for key in params if key.startswith("Identities.member")]
    known = [params[key] for key in asked if params[key][0] in ses._identities]
    kept = {key: value for key, value in params.items() if key not in asked}
    kept.update({f"Identities.member.{number}": value for number, value in enumerate(known, 1)})
    return _attributes(kept)


def create_in_stack():
    """An identity that a stack makes is verified for the newer interface too only if it is for the older one."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SES::EmailIdentity"]
    create = handlers["create"]

    def created(logical_id, properties, stack_name):
        made = create(logical_id, properties, stack_name)
        identity = properties.get("EmailIdentity", "")
        if tag(identity):
            ses_v2._identities[identity]["VerifiedForSendingStatus"] = False
        return made

    handlers["create"] = created


# --- rights ---


def touched(body):
    """What a SendEmail request needs a right to beside the sender's identity, as the ends of ARNs."""
    fields = {key: values[0] for key, values in parse_qs((body or b"").decode("utf-8", "replace")).items()}
    recipients = [value for key, value in fields.items() if re.match(r"Destination\.(To|Cc|Bcc)Addresses\.member\.", key)]
    identities = {identity_of(parseaddr(recipient)[1]) for recipient in recipients} - {None}
    sender = parseaddr(fields.get("Source", ""))[1]
    # A mail's own configuration set, or the default one of the identity that it is from.
    of_sender = identity_of(sender)
    default = (ses_v2._identities.get(of_sender) or {}).get("ConfigurationSetName") if of_sender else None
    chosen = fields.get("ConfigurationSetName") or default
    return [f"identity/{identity}" for identity in sorted(identities)] + ([f"configuration-set/{chosen}"] if chosen else [])


def identity_of(address):
    """The identity of this account that stands for an address: itself, its domain, or a domain above; or None."""
    if not address:
        return None
    known = set(ses._identities) | set(ses_v2._identities)
    domains = ses._domain_and_parents(address.rpartition("@")[2].lower())
    return next((identity for identity in [address, *domains] if identity in known), None)


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    """The emulator's own, for each of the resources."""
    context = dict(service_context or {})
    also = context.pop(ALSO, [])
    denied = _enforce(access_key_id, iam_action, service, region, resource_arn=resource_arn, service_context=context)
    for end in also:
        if denied:
            break
        arn = ":".join(resource_arn.split(":")[:5] + [end])
        denied = _enforce(access_key_id, iam_action, service, region, resource_arn=arn, service_context=context)
    return denied
