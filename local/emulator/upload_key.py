"""Lets a bucket policy name the key of an upload, as on AWS.

The condition key is `s3:x-amz-server-side-encryption-aws-kms-key-id` (Service Authorization Reference, "Amazon S3"). The emulator does
not know it: a policy that refuses uploads with any other key would refuse the right one as well. A part of a multipart upload carries
no headers, and gets no such key here; on AWS the upload's own request decides.
"""

from ministack.core import iam_actions

from . import require

require.attributes(iam_actions, "s3_service_context")
_s3_service_context = iam_actions.s3_service_context

HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def install():
    """Puts the extension in place."""
    iam_actions.s3_service_context = s3_service_context


def s3_service_context(iam_action, query_params, path="", headers=None):
    """The emulator's own condition keys of a request, with the key that an upload names."""
    context = _s3_service_context(iam_action, query_params, path, headers)
    key = (headers or {}).get(HEADER) if iam_action == "s3:PutObject" else None
    return {**context, f"s3:{HEADER}": key} if key else context
