"""Custom resources as strict as CloudFormation's.

By itself the emulator takes any answer for success. With this extension:

- an answer that CloudFormation refuses fails the resource (custom_resource_answer.py); one that S3 refuses, with a content type
  or without the signature of its URL, is not taken at all;
- the function is invoked asynchronously, as on AWS: it is tried again after an error, and a resource fails when ServiceTimeout
  is over, whatever its function does;
- a Delete follows a Create that failed, with the id of the answer, or with one that CloudFormation makes up;
- what is answered with NoEcho is masked in the outputs of the stack;
- the service token of a resource cannot be changed.

Two tags of a stack ask for what AWS does now and then. They are not handed to the function:

    local:deliveries=2        each request is delivered twice, one after the other, before its answer counts
    local:refused-answers=4   S3 refuses this many attempts to send each answer
"""

import hmac
import secrets
import threading
import time
import uuid
from urllib.parse import quote

from ministack import app
from ministack.core import iam_actions
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_region
from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource, handlers, stacks

from . import require
from .custom_resource_answer import Refused, parse, physical_id

PATH = "/_ministack/cfn-response/"
DELIVERIES, REFUSED_ANSWERS = "local:deliveries", "local:refused-answers"
LONGEST_TIMEOUT = 3_600
MASK = "****"

require.attributes(app, "_handle_post_body_shortcuts")
require.attributes(custom_resource, "invoke_custom_resource", "_gateway_url", "_normalise_resource_properties")
require.attributes(stacks, "_resolve_stack_outputs", "_roll_back_operation", "_delete_stack_async", "_intrinsic_references")
require.attributes(handlers, "_roll_back_operation", "_delete_stack_async")
require.attributes(
    lambda_svc, "_get_func_record_for_ref", "_execution_record_for_config", "_execute_function_with_config_scope",
    "_LAMBDA_ASYNC_RETRY_BASE_SECONDS",
)
require.attributes(iam_actions, "_query_param")
_shortcuts = app._handle_post_body_shortcuts
_resolve_outputs = stacks._resolve_stack_outputs
_roll_back = stacks._roll_back_operation
_delete_stack = stacks._delete_stack_async

_lock = threading.Lock()
# The requests without an answer, by the token in their URL.
_waiting = {}


def install():
    """Puts the extension in place."""
    app._handle_post_body_shortcuts = shortcuts
    custom_resource.invoke_custom_resource = invoke
    stacks._resolve_stack_outputs = resolve_outputs
    for module in (stacks, handlers):
        module._roll_back_operation = roll_back
        module._delete_stack_async = delete_stack


class Request:
    """A request on its way, and the first answer to it."""

    def __init__(self, refusals):
        self.token, self.signature = secrets.token_hex(16), secrets.token_hex(32)
        self.refusals = refusals
        self.body = None
        self.answered = threading.Event()

    def url(self, stack_id, logical_id):
        """Where the answer goes. Like a presigned URL of S3, it is good for whoever knows its query."""
        name = quote(f"{stack_id}|{logical_id}", safe="")
        query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=7200&X-Amz-Signature={self.signature}"
        return f"{custom_resource._gateway_url()}{PATH}{self.token}/{name}?{query}"


# --- S3 ---------------------------------------------------------------------------------------------------------------


async def shortcuts(method, path, headers, body, query_params, request_id):
    """Takes answers, and passes on all else."""
    if method == "PUT" and path.startswith(PATH):
        return take(path[len(PATH):].split("/")[0], headers, body, iam_actions._query_param(query_params, "X-Amz-Signature"))
    return await _shortcuts(method, path, headers, body, query_params, request_id)


def take(token, headers, body, signature):
    """What S3 says to the PUT of an answer."""
    with _lock:
        request = _waiting.get(token)
        if request is None:
            # An answer that comes late is stored too, and nobody reads it.
            return 200, {}, b""
        # The signature covers an empty content type.
        if headers.get("content-type") or not hmac.compare_digest(request.signature, signature or ""):
            return refusal(403, "SignatureDoesNotMatch")
        if headers.get("transfer-encoding"):
            return refusal(501, "NotImplemented")
        if request.refusals > 0:
            request.refusals -= 1
            return refusal(503, "SlowDown")
        if request.body is None:
            request.body = body
            request.answered.set()
    return 200, {}, b""


def refusal(status, code):
    """An error of S3."""
    return status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode()


# --- CloudFormation ---------------------------------------------------------------------------------------------------


def invoke(
    request_type, logical_id, props, stack_name, stack_id, resource_type, physical_id=None, old_props=None,
):
    """Sends a request and waits for its answer, in place of the emulator's own. Returns the id and the attributes."""
    stack = stack_named(stack_name)
    try:
        answer = ask(stack, request_type, logical_id, props, stack_id, resource_type, physical_id, old_props)
    except NotSent:
        if stack is not None:
            stack.setdefault("_not_sent", []).append(logical_id)
        raise
    except Failed as failed:
        if request_type == "Create" and stack is not None:
            id = failed.physical_id or f"{stack_name}-{logical_id}-{secrets.token_hex(6).upper()}"
            stack.setdefault("_failed_creates", {})[logical_id] = {
                "PhysicalResourceId": id, "ResourceType": resource_type, "ResourceStatus": "CREATE_FAILED",
                "LogicalResourceId": logical_id, "Properties": props, "Attributes": {},
            }
        raise
    if stack is not None:
        masked = set(stack.get("_no_echo", ())) - {logical_id}
        stack["_no_echo"] = sorted(masked | {logical_id}) if answer.get("NoEcho") else sorted(masked)
    return answer["PhysicalResourceId"], answer.get("Data") or {}


class Failed(RuntimeError):
    """The resource failed; the answer may have held an id."""

    def __init__(self, reason, id=None):
        super().__init__(reason)
        self.physical_id = id


class NotSent(Failed):
    """The request could not be sent: nothing was made or changed that a rollback would have to undo."""


def ask(stack, request_type, logical_id, props, stack_id, resource_type, id, old_props):
    """The answer to a request, with the status SUCCESS. Raises Failed."""
    if old_props is not None and old_props.get("ServiceToken") != props.get("ServiceToken"):
        raise NotSent("Modifying service token is not allowed.")
    timeout = service_timeout(props)
    function = service(props.get("ServiceToken"))
    tags = {tag["Key"]: tag["Value"] for tag in (stack or {}).get("Tags") or []}
    request = Request(int(tags.get(REFUSED_ANSWERS, 0)))
    event = {
        "RequestType": request_type,
        "RequestId": str(uuid.uuid4()),
        "StackId": stack_id,
        "ResponseURL": request.url(stack_id, logical_id),
        "ResourceType": resource_type,
        "LogicalResourceId": logical_id,
        "ResourceProperties": custom_resource._normalise_resource_properties(props),
    }
    if id is not None:
        event["PhysicalResourceId"] = id
    if old_props is not None:
        event["OldResourceProperties"] = custom_resource._normalise_resource_properties(old_props)
    ended = threading.Event()
    with _lock:
        _waiting[request.token] = request
    try:
        until = time.monotonic() + timeout
        spawn_background(deliver, function, event, int(tags.get(DELIVERIES, 1)), ended)
        answered = request.answered.wait(timeout)
        if answered and DELIVERIES in tags:
            ended.wait(max(0, until - time.monotonic()))
    finally:
        with _lock:
            _waiting.pop(request.token, None)
    if not answered:
        raise Failed(
            "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
            f"[{event['RequestId']}]."
        )
    try:
        answer = parse(request.body, event)
    except Refused as refused:
        raise Failed(str(refused)) from None
    if answer["Status"] == "FAILED":
        raise Failed(f"Received response status [FAILED] from custom resource. Message returned: {answer['Reason']} "
                     f"(RequestId: {event['RequestId']})", physical_id(answer))
    return answer


def deliver(function, event, deliveries, ended):
    """Invokes the function as Lambda invokes one that nobody waits for: again after an error, at most twice more."""
    try:
        for _ in range(deliveries):
            for attempt in range(3):
                if attempt:
                    time.sleep(lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * attempt)
                if not lambda_svc._execute_function_with_config_scope(function, event).get("error"):
                    break
    finally:
        ended.set()


def service(token):
    """The function of a service token."""
    parts = token.split(":") if isinstance(token, str) else []
    if len(parts) < 7 or parts[2] != "lambda" or parts[3] != get_region():
        raise NotSent(f"Invalid service token: {token!r} is no function of this region.")
    record, config, _ = lambda_svc._get_func_record_for_ref(token)
    if record is None or config is None:
        raise NotSent(f"Invalid service token: there is no function {token}.")
    return lambda_svc._execution_record_for_config(record, config)


def service_timeout(props):
    """Seconds."""
    given = str(props.get("ServiceTimeout", LONGEST_TIMEOUT))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= LONGEST_TIMEOUT:
        raise NotSent(f"Invalid ServiceTimeout: it should be a number of seconds from 1 to {LONGEST_TIMEOUT}.")
    return int(given)


# --- stacks -----------------------------------------------------------------------------------------------------------


def stack_named(name):
    """The emulator's record of a stack, or None."""
    from ministack.services.cloudformation import _stacks

    return _stacks.get(name)


async def roll_back(stack_name, stack_id, stack, operation, *args, **kwargs):
    """The emulator's own. A Create that failed is among what it deletes, and an Update that was never sent is not sent back."""
    failed = operation.get("failed_logical_id")
    if failed in stack.pop("_not_sent", ()) and operation.get("failed_update"):
        # Without properties there is nothing to send back.
        operation = {**operation, "failed_update": [*operation["failed_update"][:3], None, None, None]}
    record = stack.pop("_failed_creates", {}).get(failed)
    if record:
        stack.setdefault("_resources", {})[failed] = record
        operation = {**operation, "created": [*operation.get("created", []), failed]}
    await _roll_back(stack_name, stack_id, stack, operation, *args, **kwargs)


async def delete_stack(stack_name, stack_id, *args, **kwargs):
    """The emulator's own. What a Create without rollback left is among what it deletes."""
    stack = stack_named(stack_name)
    for logical_id, record in (stack.pop("_failed_creates", {}) if stack else {}).items():
        stack.setdefault("_resources", {}).setdefault(logical_id, record)
    await _delete_stack(stack_name, stack_id, *args, **kwargs)


def resolve_outputs(definitions, conditions, resources, param_values, mappings, stack_name, stack_id):
    """The emulator's own, masked where an attribute was answered with NoEcho. An export of it is masked as well."""
    outputs, exports = _resolve_outputs(
        definitions, conditions, resources, param_values, mappings, stack_name, stack_id
    )
    hidden = set((stack_named(stack_name) or {}).get("_no_echo", ()))
    for output in outputs:
        value = definitions[output["OutputKey"]].get("Value")
        if any(name in hidden and attribute for name, attribute in stacks._intrinsic_references(value)):
            output["OutputValue"] = MASK
            if output.get("ExportName") in exports:
                exports[output["ExportName"]]["Value"] = MASK
    return outputs, exports
