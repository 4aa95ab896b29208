"""Lets a policy name a role by `aws:PrincipalArn`, as on AWS.

For the session of a role the key holds the ARN of the role (IAM User Guide, "Global condition keys"). The emulator gives the ARN of
the session, so that a condition that names the role would hold for nobody. A role's path is not in a session's ARN: roles with a
path are out of reach.
"""

import re

from ministack.core import iam_evaluator

from . import require

require.attributes(iam_evaluator, "_resolve_condition_key")
_resolve = iam_evaluator._resolve_condition_key
_SESSION = re.compile(r"^arn:([^:]+):sts::(\d{12}):assumed-role/([^/]+)/")


def install():
    """Puts the extension in place."""
    iam_evaluator._resolve_condition_key = resolve


def resolve(key, context):
    """The emulator's own value of a condition key, or the role of a session."""
    value = _resolve(key, context)
    if key.lower() != "aws:principalarn" or not isinstance(value, str):
        return value
    session = _SESSION.match(value)
    return "arn:{}:iam::{}:role/{}".format(*session.groups()) if session else value
