"""Lets a function be invoked from another account, as on AWS: by its ARN, if its own policy and the caller's rights allow it.

Both accounts must allow it (IAM User Guide, "Cross-account policy evaluation logic"). The emulator looks for the function in the
caller's account, answers ResourceNotFoundException, and never asks the policy of the function.
"""

import re
from urllib.parse import unquote

from ministack.core import iam_evaluator
from ministack.core.responses import _request_account_id, get_account_id
from ministack.services import lambda_svc

from . import require

require.attributes(
    lambda_svc, "handle_request", "function_policy_for_arn", "extract_access_key_id", "error_response_json"
)
require.attributes(iam_evaluator, "EvalContext", "resource_policy_allows")
_handle_request = lambda_svc.handle_request
_function_policy_for_arn = lambda_svc.function_policy_for_arn
_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]+:(\d{12}):function:")
_INVOCATION = re.compile(r"/functions/([^/]+)/invocations/?$")


def install():
    """Puts the extension in place."""
    lambda_svc.handle_request = handle_request
    lambda_svc.function_policy_for_arn = function_policy_for_arn


def owner(arn):
    """The account of a function's ARN if it is another than the caller's, or None."""
    found = _FUNCTION.match(arn)
    return found.group(1) if found and found.group(1) != get_account_id() else None


def function_policy_for_arn(arn):
    """The emulator's own, in the account of the function. The caller's account is not the owner's, so both must allow."""
    account = owner(arn)
    if account is None:
        return _function_policy_for_arn(arn)
    token = _request_account_id.set(account)
    try:
        return _function_policy_for_arn(arn)
    finally:
        _request_account_id.reset(token)


def is_refused_root(arn, access_key):
    """Whether the caller is another account's root, whom the emulator allows everything, and the function's policy does not."""
    if not access_key or not re.fullmatch(r"\d{12}", access_key):
        return False
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{access_key}:root", principal_type="Root", principal_account=access_key,
        action="lambda:InvokeFunction", resource_arn=arn, region=arn.split(":")[3],
    )
    policy = function_policy_for_arn(arn)
    return not (policy and iam_evaluator.resource_policy_allows(policy[0], context, same_account=False))


async def handle_request(method, path, headers, body, query_params):
    """The emulator's own; an invocation, which is authorized by now, in the account of the function."""
    invocation = _INVOCATION.search(unquote(path)) if method == "POST" else None
    account = owner(invocation.group(1)) if invocation else None
    if account is None:
        return await _handle_request(method, path, headers, body, query_params)
    if is_refused_root(invocation.group(1), lambda_svc.extract_access_key_id(headers, query_params)):
        return lambda_svc.error_response_json(
            "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction on this resource", 403
        )
    token = _request_account_id.set(account)
    try:
        return await _handle_request(method, path, headers, body, query_params)
    finally:
        _request_account_id.reset(token)
