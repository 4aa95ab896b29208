"""Invocations as Lambda treats them: retries by qualifier, the weights of an alias, and who may invoke.

- An asynchronous call of an alias or a version has the retry setting of that qualifier. The emulator looks at the function's own only.
- An alias with weights sends its share of calls to the other version.
- A bucket, a rule of EventBridge and a topic invoke a function only if the function's policy allows their service to, for that bucket,
  rule or topic. All three do so asynchronously, with Lambda's retries and failure destination.
"""

import contextvars
import json
import random

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, s3, sns

from . import require

require.attributes(
    lambda_svc, "_invoke", "invoke_async_with_retry", "_event_invoke_config", "_functions", "_qp_first",
    "_lambda_function_name_and_qualifier_from_arn", "_get_func_record_for_ref", "_execution_record_for_config",
)
require.attributes(s3, "_deliver_event_to_lambda")
require.attributes(eventbridge, "_invoke_target", "_dispatch_to_lambda")
require.attributes(sns, "_deliver_to_lambda")
require.attributes(iam_evaluator, "EvalContext", "evaluate_resource_policy")

_invoke = lambda_svc._invoke
_invoke_async = lambda_svc.invoke_async_with_retry
_deliver = s3._deliver_event_to_lambda
_invoke_target = eventbridge._invoke_target
# The ARN of the rule whose target is invoked.
_rule = contextvars.ContextVar("latchkey_rule", default=None)
# The name and the qualifier that a call was made with.
_called_as = contextvars.ContextVar("latchkey_called_as", default=None)
_dice = random.SystemRandom()


def install():
    """Puts the extension in place."""
    lambda_svc._invoke = invoke
    lambda_svc.invoke_async_with_retry = invoke_async
    s3._deliver_event_to_lambda = deliver
    eventbridge._invoke_target = invoke_target
    eventbridge._dispatch_to_lambda = dispatch
    sns._deliver_to_lambda = deliver_notification


async def invoke(name, event, headers, path_qualifier=None, query_params=None):
    """The emulator's own, on the version that an alias with weights chooses."""
    qualifier = path_qualifier or lambda_svc._qp_first(query_params or {}, "Qualifier") or None
    _called_as.set((name, qualifier))
    chosen = choose(lambda_svc._functions.get(name) or {}, qualifier)
    return await _invoke(name, event, headers, chosen or path_qualifier, query_params)


def choose(function, qualifier):
    """The version that an alias with weights sends a call to, or None for its main one."""
    alias = (function.get("aliases") or {}).get(qualifier) or {}
    drawn = _dice.random()
    for version, weight in ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}).items():
        drawn -= float(weight)
        if drawn < 0:
            return version
    return None


def invoke_async(function, event):
    """The emulator's own, with the setting of the qualifier that was called."""
    called = _called_as.get()
    if called:
        name, qualifier = called
        known = lambda_svc._functions.get(name) or {}
        setting = lambda_svc._event_invoke_config(known, qualifier)
        if setting is None and qualifier in (None, "$LATEST"):
            # Two names of the same.
            setting = lambda_svc._event_invoke_config(known, None if qualifier else "$LATEST")
        function = {**function, "event_invoke_config": setting or {}, "event_invoke_configs": {}}
    return _invoke_async(function, event)


def deliver(arn, event, bucket_region):
    """The emulator's own, where the function's policy lets the bucket invoke it."""
    if not may_invoke(arn, "s3.amazonaws.com", event["Records"][0]["s3"]["bucket"]["arn"]):
        return None
    token = _called_as.set(lambda_svc._lambda_function_name_and_qualifier_from_arn(arn))
    try:
        return _deliver(arn, event, bucket_region)
    finally:
        _called_as.reset(token)


def invoke_target(target, event, rule, view=None):
    """The emulator's own, which tells what it invokes for which rule. A schedule has a role and is none."""
    token = _rule.set(rule.get("Arn") if ":rule/" in rule.get("Arn", "") else None)
    try:
        return _invoke_target(target, event, rule, view)
    finally:
        _rule.reset(token)


def dispatch(arn, payload):
    """An event of EventBridge for a function."""
    rule = _rule.get()
    if rule is None or may_invoke(arn, "events.amazonaws.com", rule):
        invoke_later(arn, json.loads(payload))


def deliver_notification(arn, envelope, topic, subscription, _id, _raw, _attributes):
    """A notification of SNS for a function."""
    if may_invoke(arn, "sns.amazonaws.com", topic):
        record = {"EventVersion": "1.0", "EventSubscriptionArn": subscription, "EventSource": "aws:sns", "Sns": json.loads(envelope)}
        invoke_later(arn, {"Records": [record]})


def invoke_later(arn, event):
    """Invokes a function asynchronously."""
    function, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        return
    token = _called_as.set(lambda_svc._lambda_function_name_and_qualifier_from_arn(arn))
    try:
        lambda_svc.invoke_async_with_retry({**function, **lambda_svc._execution_record_for_config(function, config)}, event)
    finally:
        _called_as.reset(token)


def may_invoke(arn, service, source):
    """Whether a service may invoke a function for what an event comes from."""
    name, _qualifier = lambda_svc._lambda_function_name_and_qualifier_from_arn(arn)
    context = iam_evaluator.EvalContext(
        principal_arn=service, principal_type="Service", principal_account=get_account_id(),
        action="lambda:InvokeFunction", resource_arn=arn, region=get_region(),
        service_context={"aws:sourcearn": source, "aws:sourceaccount": get_account_id()},
    )
    policy = (lambda_svc._functions.get(name) or {}).get("policy")
    return iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"
