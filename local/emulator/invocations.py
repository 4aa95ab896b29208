"""Invocations as Lambda treats them: retries by qualifier, the weights of an alias, and who may invoke.

- An asynchronous call of an alias or a version has the retry setting of that qualifier (Lambda Developer Guide, "Configuring error
  handling settings for Lambda asynchronous invocations"). The emulator looks at the function's own only.
- An alias with weights sends its share of calls to the other version ("Implement Lambda canary deployments using a weighted
  alias"), whether a caller invokes it or S3, SNS and other services do; streams.py does the same. The function learns the ARN it
  was called by, which is the alias's.
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
    lambda_svc, "_invoke", "_execute_function", "invoke_async_with_retry", "_event_invoke_config", "_functions", "_qp_first",
    "_lambda_function_name_and_qualifier_from_arn", "_get_func_record_for_ref", "_get_base_func_record_for_ref",
    "_effective_func_record_for_qualifier", "_execution_record_for_config", "_func_arn",
)
require.attributes(s3, "_deliver_event_to_lambda")
require.attributes(eventbridge, "_invoke_target", "_dispatch_to_lambda")
require.attributes(sns, "_deliver_to_lambda")
require.attributes(iam_evaluator, "EvalContext", "evaluate_resource_policy")

_invoke = lambda_svc._invoke
_execute = lambda_svc._execute_function
_invoke_async = lambda_svc.invoke_async_with_retry
_record_for_ref = lambda_svc._get_func_record_for_ref
_deliver = s3._deliver_event_to_lambda
_invoke_target = eventbridge._invoke_target
# The ARN of the rule whose target is invoked.
_rule = contextvars.ContextVar("latchkey_rule", default=None)
# The function, the alias and the version of a call that the weights of the alias sent there.
_sent = contextvars.ContextVar("latchkey_sent", default=None)
_dice = random.SystemRandom()


def install():
    """Puts the extension in place."""
    lambda_svc._invoke = invoke
    lambda_svc._execute_function = execute
    lambda_svc.invoke_async_with_retry = invoke_async
    lambda_svc._get_func_record_for_ref = record_for_ref
    s3._deliver_event_to_lambda = deliver
    eventbridge._invoke_target = invoke_target
    eventbridge._dispatch_to_lambda = dispatch
    sns._deliver_to_lambda = deliver_notification


# --- which version ---


def choose(function, qualifier):
    """The version that an alias with weights sends a call to, or None for its main one."""
    alias = (function.get("aliases") or {}).get(qualifier) or {}
    drawn = _dice.random()
    for version, weight in ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}).items():
        drawn -= float(weight)
        if drawn < 0:
            return version
    return None


def called(function, qualifier):
    """The record of the version that a call goes to, with the ARN that it was called by; None if there is no such qualifier."""
    record, _ = lambda_svc._effective_func_record_for_qualifier(function, choose(function or {}, qualifier) or qualifier)
    return record and by_arn(record, function["config"]["FunctionArn"] + (f":{qualifier}" if qualifier else ""))


def by_arn(record, arn):
    """A record of a function that was called by this ARN."""
    return {**record, "config": {**record["config"], "FunctionArn": arn}}


def qualifier_of(record):
    """What a function was called with: an alias, a version, or None."""
    return lambda_svc._lambda_function_name_and_qualifier_from_arn(record["config"]["FunctionArn"])[1]


async def invoke(name, event, headers, path_qualifier=None, query_params=None):
    """The emulator's own, on the version that an alias with weights chooses."""
    qualifier = path_qualifier or lambda_svc._qp_first(query_params or {}, "Qualifier") or None
    version = choose(lambda_svc._functions.get(name) or {}, qualifier)
    if version is None:
        return await _invoke(name, event, headers, path_qualifier, query_params)
    token = _sent.set((name, qualifier, version))
    try:
        return await _invoke(name, event, headers, version, query_params)
    finally:
        _sent.reset(token)


def by_alias(record):
    """The record of a version as the alias would have it whose weights sent the call there; any other as it is."""
    name, alias, version = _sent.get() or (None, None, None)
    if version is None or record["config"]["FunctionArn"] != f"{lambda_svc._func_arn(name)}:{version}":
        return record
    return by_arn(record, f"{lambda_svc._func_arn(name)}:{alias}")


def execute(function, event):
    """The emulator's own, which tells the function the ARN of the alias."""
    return _execute(by_alias(function), event)


def record_for_ref(reference):
    """The emulator's own, by which services find what they invoke, on the version that an alias with weights chooses."""
    record, config, name = _record_for_ref(reference)
    if record is None or not reference.startswith("arn:"):
        return record, config, name
    function, *_ = lambda_svc._get_base_func_record_for_ref(reference)
    record = called(function, lambda_svc._lambda_function_name_and_qualifier_from_arn(reference)[1])
    return record, record["config"], name


# --- how often ---


def invoke_async(function, event):
    """The emulator's own, with the setting of the qualifier that was called."""
    function = by_alias(function)
    qualifier = qualifier_of(function)
    known = lambda_svc._functions.get(function["config"]["FunctionName"]) or {}
    setting = lambda_svc._event_invoke_config(known, qualifier)
    if setting is None and qualifier in (None, "$LATEST"):
        # Two names of the same.
        setting = lambda_svc._event_invoke_config(known, None if qualifier else "$LATEST")
    return _invoke_async({**function, "event_invoke_config": setting or {}, "event_invoke_configs": {}}, event)


# --- who ---


def deliver(arn, event, bucket_region):
    """The emulator's own, where the function's policy lets the bucket invoke it."""
    bucket = event["Records"][0]["s3"]["bucket"]["arn"]
    return _deliver(arn, event, bucket_region) if may_invoke(arn, "s3.amazonaws.com", bucket) else None


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
    record, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if record and config:
        lambda_svc.invoke_async_with_retry({**record, **lambda_svc._execution_record_for_config(record, config)}, event)


def may_invoke(arn, service, source):
    """Whether a service may invoke a function for what an event comes from."""
    name, _qualifier = lambda_svc._lambda_function_name_and_qualifier_from_arn(arn)
    context = iam_evaluator.EvalContext(
        principal_arn=service, principal_type="Service", principal_account=get_account_id(),
        action="lambda:InvokeFunction", resource_arn=arn, region=get_region(), secure_transport=True,
        service_context={"aws:sourcearn": source, "aws:sourceaccount": get_account_id()},
    )
    policy = (lambda_svc._functions.get(name) or {}).get("policy")
    return iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"
