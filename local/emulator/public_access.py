"""The account's own block of public access in S3, which the emulator lacks.

An account can refuse every public bucket policy, whatever the buckets say: organizations often do (Amazon S3 User Guide, "Blocking
public access to your Amazon S3 storage"). The block is set, read and removed with the three calls of S3 Control, by whoever may. It
lasts as long as the emulator runs.
"""

from xml.etree import ElementTree

from ministack import app
from ministack.core.responses import get_account_id
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from . import require

require.attributes(app, "_handle_s3_control_request", "_enforce_data_plane")
require.attributes(s3, "_public_access_blocked", "_policy_is_public", "s3control_error", "s3control_account_error", "_PAB_FIELDS")
require.attributes(provisioners, "_RESOURCE_HANDLERS", "_policy_document_json")

PATH = "/v20180820/configuration/publicAccessBlock"
NAMESPACE = "http://awss3control.amazonaws.com/doc/2018-08-20/"
_control = app._handle_s3_control_request
_blocked = s3._public_access_blocked
# The settings that are on, by account.
_blocks = {}


def install():
    """Puts the extension in place."""
    app._handle_s3_control_request = control_request
    s3._public_access_blocked = blocked
    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::BucketPolicy"]
    for name in ("create", "update"):
        handlers[name] = refusing_public_policies(handlers[name])


async def control_request(path, method, body, query_params, request_id, headers=None):
    """Answers the three calls and passes on all others."""
    if path.rstrip("/") != PATH:
        return await _control(path, method, body, query_params, request_id, headers)
    headers = headers or {}
    action = f"s3:{'Get' if method == 'GET' else 'Put'}AccountPublicAccessBlock"
    refused = app._enforce_data_plane("s3", action, headers, query_params, request_id) or s3.s3control_account_error(headers)
    return refused or answer(method, body)


def answer(method, body):
    """Gets, sets or removes the block of the caller's account."""
    account = get_account_id()
    if method == "PUT":
        root = ElementTree.fromstring(body)
        _blocks[account] = {
            child.tag.rsplit("}", 1)[-1] for child in root.iter() if (child.text or "").strip().lower() == "true"
        }
        return 201, {}, b""
    if method == "DELETE":
        _blocks.pop(account, None)
        return 204, {}, b""
    if account not in _blocks:
        return s3.s3control_error(
            "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", 404
        )
    settings = "".join(f"<{field}>{str(field in _blocks[account]).lower()}</{field}>" for field in s3._PAB_FIELDS)
    text = f'<PublicAccessBlockConfiguration xmlns="{NAMESPACE}">{settings}</PublicAccessBlockConfiguration>'
    return 200, {"Content-Type": "application/xml"}, text.encode()


def blocked(owner_account, bucket_name, setting):
    """The emulator's own, or what the account says."""
    return setting in _blocks.get(owner_account, ()) or _blocked(owner_account, bucket_name, setting)


def refusing_public_policies(handler):
    """What makes a stack's bucket policy, as S3 would."""

    def handle(*arguments):
        properties = next(one for one in reversed(arguments) if isinstance(one, dict))
        if blocked(get_account_id(), properties.get("Bucket", ""), "BlockPublicPolicy") and s3._policy_is_public(
            provisioners._policy_document_json(properties)
        ):
            raise ValueError("API: s3:PutBucketPolicy Access Denied")
        return handler(*arguments)

    return handle
