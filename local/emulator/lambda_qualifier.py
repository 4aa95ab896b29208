"""Lets a policy tell a function's alias from its versions, as on AWS.

A call of an alias or a version is authorized on the ARN with that qualifier (Service Authorization Reference, "AWS Lambda", resource
types). The emulator takes the ARN of the function alone: a policy that allows or denies one of them, and not another, would have no
effect.
"""

from ministack.core import iam_actions

from . import require

require.attributes(iam_actions, "extract_resource_arn", "_query_param")


def install():
    """Puts the extension in place, around what other extensions have put there."""
    before = iam_actions.extract_resource_arn

    def resource_arn(service, method, path, headers, body, query_params, region, account_id):
        arn = before(service, method, path, headers, body, query_params, region, account_id)
        return qualified(arn, query_params) if service == "lambda" else arn

    iam_actions.extract_resource_arn = resource_arn


def qualified(arn, query_params):
    """The ARN of a function with its qualifier at the end; any other as it is."""
    qualifier = iam_actions._query_param(query_params, "Qualifier")
    # A function's own ARN has seven parts.
    is_function = ":function:" in arn and arn.count(":") == 6
    return f"{arn}:{qualifier}" if qualifier and is_function else arn
