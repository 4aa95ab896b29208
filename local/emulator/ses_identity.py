"""Lets a policy name the sender of a mail, as on AWS.

SendEmail is authorized on the sender's identity, with the key `ses:FromAddress` (Service Authorization Reference, "Amazon SES"). The
emulator authorizes it against `*` only, and knows no such key: a policy that names both, as it should, would be refused.
"""

from urllib.parse import parse_qs

from ministack.core import iam_actions

from . import require

require.attributes(iam_actions, "extract_resource_arn", "request_tag_context")
_resource_arn = iam_actions.extract_resource_arn
_request_context = iam_actions.request_tag_context


def install():
    """Puts the extension in place."""
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.request_tag_context = request_context


def source(service, body):
    """The sender of a SendEmail request, or None."""
    if service != "ses" or not body:
        return None
    return (parse_qs(body.decode("utf-8", "replace")).get("Source") or [None])[0]


def resource_arn(service, method, path, headers, body, query_params, region, account_id):
    """The ARN of the sender's identity for SES; the emulator's own answer for all else."""
    sender = source(service, body)
    if sender:
        return f"arn:aws:ses:{region}:{account_id}:identity/{sender}"
    return _resource_arn(service, method, path, headers, body, query_params, region, account_id)


def request_context(service, iam_action, body, routing_params):
    """The condition keys of a request, with the sender's address."""
    context = _request_context(service, iam_action, body, routing_params)
    sender = source(service, body)
    return {**context, "ses:FromAddress": sender, "ses:fromaddress": sender} if sender else context
