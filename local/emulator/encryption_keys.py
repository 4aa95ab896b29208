"""Objects that a KMS key encrypts, as S3 and Lambda treat them.

The emulator stores the name of the key beside an object and asks no further: a disabled key changes nothing, and neither does a key
whose policy does not name the caller. With this extension:

- Writing an object with a key needs `kms:GenerateDataKey` of the caller, and reading one `kms:Decrypt`. The policy of the key has to
  allow it too. HeadObject needs neither, as on AWS.
- A key that is disabled, waits for its deletion or does not exist fails both, and so does a function whose code such a key encrypts.
- A key that waits for its deletion cannot be enabled or disabled.

The root user passes, as everywhere in the emulator.
"""

import contextlib
import contextvars
import re
from xml.etree import ElementTree

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import _request_account_id, _request_region, get_account_id, get_region
from ministack.services import kms, lambda_svc, s3

from . import require

require.attributes(s3, "_resolve_sse_write_headers", "_check_sse_read_headers", "_check_sse_c_copy_source", "_get_object",
                   "_buckets", "_object_versions", "_error")
require.attributes(kms, "_resolve_key", "_check_key_state", "_enable_key", "_disable_key")
require.attributes(lambda_svc, "_fetch_code_from_s3", "handle_request", "error_response_json")
require.attributes(iam_actions, "identity_denial_message")
require.attributes(iam_evaluator, "EvalContext", "evaluate", "combine_resource_policy", "resolve_principal", "AuthError",
                   "_verified_key", "find_iam_access_key_account")

NAMED = "x-amz-server-side-encryption-aws-kms-key-id"
_KEY = re.compile(r"arn:[^:]+:kms:([^:]+):(\d{12}):")
_resolve_sse_write_headers = s3._resolve_sse_write_headers
_check_sse_read_headers = s3._check_sse_read_headers
_check_sse_c_copy_source = s3._check_sse_c_copy_source
_get_object = s3._get_object
_fetch_code_from_s3 = lambda_svc._fetch_code_from_s3
# Whether a request reads the object itself, and not only what is known of it.
_reads = contextvars.ContextVar("latchkey_reads", default=False)


class UnreadableCode(ValueError):
    """S3 does not hand out the code of a function."""


def install():
    """Puts the extension in place, around what other extensions have put there."""
    s3._resolve_sse_write_headers = resolve_write_headers
    s3._check_sse_read_headers = check_read
    s3._check_sse_c_copy_source = check_copy_source
    s3._get_object = get_object
    lambda_svc._fetch_code_from_s3 = fetch_code
    lambda_svc.handle_request = with_unreadable_code(lambda_svc.handle_request)
    for name in ("_enable_key", "_disable_key"):
        setattr(kms, name, unless_it_is_being_deleted(getattr(kms, name)))


# --- what S3 asks KMS ---


@contextlib.contextmanager
def of_owner(key):
    """The account and the region of a key's ARN; those of the request for another form of its name."""
    found = _KEY.match(key)
    region, account = found.groups() if found else (get_region(), get_account_id())
    tokens = _request_region.set(region), _request_account_id.set(account)
    try:
        yield
    finally:
        _request_region.reset(tokens[0])
        _request_account_id.reset(tokens[1])


def refusal(action, key):
    """S3's answer to a caller who cannot use a key, or None."""
    with of_owner(key):
        known = kms._resolve_key(key)
        if known is None:
            return s3._error("KMS.NotFoundException", f"Key '{key}' does not exist", 400)
        denied = denial(action, known)
        if denied:
            return s3._error("AccessDenied", denied, 403)
        unusable = kms._check_key_state(known)
    if unusable is None:
        return None
    code = "KMS.DisabledException" if known["KeyState"] == "Disabled" else "KMS.KMSInvalidStateException"
    state = {"Disabled": "disabled", "PendingDeletion": "pending deletion"}.get(known["KeyState"], known["KeyState"])
    return s3._error(code, f"{known['Arn']} is {state}.", 400)


def denial(action, key):
    """Why the caller may not use a key, or None. Neither the root user nor the emulator itself has a key that was verified."""
    caller = iam_evaluator._verified_key.get()
    if not caller:
        return None
    account = iam_evaluator.find_iam_access_key_account(caller) or get_account_id()
    principal = iam_evaluator.resolve_principal(caller, account)
    if isinstance(principal, iam_evaluator.AuthError):
        return principal.message
    if principal.policies is None:
        return None
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn, principal_type=principal.type, principal_account=principal.account, action=action,
        resource_arn=key["Arn"], region=get_region(), principal_keys=principal.keys,
        service_context={"kms:viaservice": f"s3.{get_region()}.amazonaws.com", "kms:calleraccount": principal.account},
    )
    own = iam_evaluator.evaluate(context, principal.policies, *principal.limits)
    decided = iam_evaluator.combine_resource_policy(
        own, context, key.get("Policy"), get_account_id(), required=True, limits=principal.limits
    )
    if decided.decision == "Allow":
        return None
    return iam_actions.identity_denial_message(action, principal.arn, key["Arn"], decided.decision == "Deny")


# --- where it asks ---


def resolve_write_headers(headers, bucket):
    """The emulator's own, where the caller can use the key."""
    kept, error = _resolve_sse_write_headers(headers, bucket)
    key = (kept or {}).get(NAMED)
    refused = refusal("kms:GenerateDataKey", key) if key else None
    return (None, refused) if refused else (kept, error)


def get_object(bucket, key, headers, query_params=None):
    """The emulator's own, known as a read."""
    token = _reads.set(True)
    try:
        return _get_object(bucket, key, headers, query_params)
    finally:
        _reads.reset(token)


def decryption(record):
    """S3's answer to a caller who cannot decrypt an object, or None."""
    key = record.get("preserved_headers", {}).get(NAMED)
    return refusal("kms:Decrypt", key) if key else None


def check_read(headers, record):
    """The emulator's own, where the caller can decrypt what it reads."""
    return _check_sse_read_headers(headers, record) or (decryption(record) if _reads.get() else None)


def check_copy_source(headers, record):
    """The emulator's own, where the caller can decrypt what it copies."""
    return _check_sse_c_copy_source(headers, record) or decryption(record)


# --- the code of functions ---


def fetch_code(bucket, key, version_id=None):
    """The emulator's own, where the caller can decrypt the code."""
    known = (s3._buckets.get(bucket) or {}).get("objects", {}).get(key)
    if version_id:
        known = next((one for one in s3._object_versions.get((bucket, key), []) if one["version_id"] == version_id), None)
    refused = decryption(known) if known else None
    if refused:
        error = ElementTree.fromstring(refused[2])
        code, message = error.findtext("{*}Code"), error.findtext("{*}Message")
        raise UnreadableCode(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")
    return _fetch_code_from_s3(bucket, key, version_id=version_id)


def with_unreadable_code(handle_request):
    """Lambda's own, with its answer to code that cannot be read."""

    async def answered(*arguments):
        try:
            return await handle_request(*arguments)
        except UnreadableCode as unreadable:
            return lambda_svc.error_response_json("InvalidParameterValueException", str(unreadable), 400)

    return answered


def unless_it_is_being_deleted(operation):
    """An operation of KMS on a key that does not wait for its deletion."""

    def guarded(data):
        known = kms._resolve_key(data.get("KeyId", ""))
        waits = known and known["KeyState"] == "PendingDeletion"
        return kms._check_key_state(known) if waits else operation(data)

    return guarded
