"""The metrics of Lambda by alias and by version, as Lambda sends them to CloudWatch.

The emulator counts by the name of a function alone, and only what callers invoke: not what a stream or a topic does, and no retries.
An invocation that is throttled it counts twice, and as an invocation. With this extension (Lambda Developer Guide, "Types of
metrics for Lambda functions" and "Viewing metrics on the CloudWatch console"):

- Every invocation counts, whoever makes it: Invocations, Errors, Duration. One that is throttled is in Throttles alone.
- Each has the dimensions FunctionName; FunctionName and Resource, which is `name:alias`, `name:version`, or the name alone, as it was
  called; and, of an alias, with ExecutedVersion, so that the two versions of a weighted alias can be compared.

The sum over all functions, which has no dimension on AWS, is not there: the emulator answers a query without dimensions with all it has.
"""

import time

from ministack.services import cloudwatch, lambda_svc

from . import invocations, require

require.attributes(lambda_svc, "_emit_lambda_metrics", "_execute_function_dispatch", "_acquire_execution_slot")
require.attributes(cloudwatch, "record_metric")
_dispatch = lambda_svc._execute_function_dispatch
_acquire = lambda_svc._acquire_execution_slot


def install():
    """Puts the extension in place."""
    lambda_svc._emit_lambda_metrics = lambda *_arguments, **_options: None
    lambda_svc._execute_function_dispatch = dispatch
    lambda_svc._acquire_execution_slot = acquire


def dispatch(function, config, event, request_id, started):
    """The emulator's own, counted."""
    result = _dispatch(function, config, event, request_id, started)
    count(config, Invocations=1, Errors=1 if result.get("error") else 0, Throttles=0, Duration=(time.time() - started) * 1000)
    return result


def acquire(function, config):
    """The emulator's own, which refuses an invocation beyond the limits."""
    slot, limit = _acquire(function, config)
    if slot is None:
        count(config, Throttles=1)
    return slot, limit


def count(config, **values):
    """Adds to the metrics of a function that was called by the ARN in its configuration."""
    for dimensions in all_dimensions(config):
        for name, value in values.items():
            unit = "Milliseconds" if name == "Duration" else "Count"
            cloudwatch.record_metric("AWS/Lambda", name, value, unit, dimensions)


def all_dimensions(config):
    """By what the metrics of one call can be looked up."""
    function, qualifier = {"FunctionName": config["FunctionName"]}, invocations.qualifier_of({"config": config})
    resource = {**function, "Resource": config["FunctionName"] + (f":{qualifier}" if qualifier else "")}
    found = [function, resource]
    # The name of an alias has something that is no digit, and a version has nothing else.
    if qualifier and qualifier != "$LATEST" and not qualifier.isdigit():
        found.append({**resource, "ExecutedVersion": config["Version"]})
    return found
