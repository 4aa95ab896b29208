"""Event source mappings of table streams as Lambda treats them, and streams that outlive a restart.

The emulator takes every answer for a success, retries for ever, asks nobody whether the function's role may read the stream, and saves
how far a mapping has read but not the records: after a restart with kept state, what was written and not yet read is lost, and so is
what is written until the records are as many again. With this extension:

- A stream's records are saved and restored with the table.
- A mapping delivers nothing until the role of its function may call DescribeStream, GetShardIterator and GetRecords on the stream, and
  ListStreams.
- `ReportBatchItemFailures`: the mapping goes on at the first record that the answer names.
- `BisectBatchOnFunctionError`: a batch that fails is halved. That spends no retry.
- `MaximumRetryAttempts` and `MaximumRecordAgeInSeconds`: what has failed so often, or is older, is given up, and its failure is recorded
  where the mapping says. Without them (or with -1) a batch is retried for as long as its records are there.

- A mapping of an alias with weights sends each batch to one of the two versions, a retry as well.

All of it is in the Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB". A retry comes after a second, where Lambda waits
longer each time.
"""

import copy
import json
import math
import threading
import time

from ministack.core import iam_evaluator
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, lambda_svc

from . import invocations, require

require.attributes(
    lambda_svc, "_poll_dynamodb_streams", "_iter_all_esms", "_functions", "_apply_filter_criteria",
    "_execute_function", "_send_ddb_stream_failure_record", "_dynamodb_stream_positions", "_dynamodb_stream_positions_lock",
    "_dynamodb_stream_table_from_arn_spec", "_esm_backoff_until", "_ESM_BACKOFF_SECONDS", "_request_account_id", "_request_region",
)
require.attributes(
    dynamodb, "get_state", "_restore_state", "_stream_records", "_stream_trimmed", "_tables", "stream_start_position",
    "stream_end_position", "stream_records_since",
)
require.attributes(iam_evaluator, "EvalContext", "evaluate", "_gather_role_policies")

SAVED = {"latchkey_stream_records": "_stream_records", "latchkey_stream_trimmed": "_stream_trimmed"}
READING = ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords")
_get_state = dynamodb.get_state
_restore_state = dynamodb._restore_state
# What a mapping is stuck at, by its id: the sequence number of the first record, how often it was retried, and the longest batch.
_stuck = {}
_lock = threading.Lock()


def install():
    """Puts the extension in place."""
    dynamodb.get_state = get_state
    dynamodb._restore_state = restore_state
    lambda_svc._poll_dynamodb_streams = poll


# --- what is saved ---


def get_state():
    """The emulator's own, with the records of streams."""
    return {**_get_state(), **{key: copy.deepcopy(getattr(dynamodb, name)) for key, name in SAVED.items()}}


def restore_state(data):
    """The emulator's own, with the records of streams."""
    restored = _restore_state(data)
    for key, name in SAVED.items():
        if data and key in data:
            getattr(dynamodb, name).update(data[key])
    return restored


# --- how a stream is read ---


def poll():
    """Delivers a batch of each mapping that has one. Returns whether one of them went on."""
    went_on = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        of_account = lambda_svc._request_account_id.set(account)
        of_region = lambda_svc._request_region.set(region)
        try:
            went_on = poll_one(mapping) or went_on
        finally:
            lambda_svc._request_account_id.reset(of_account)
            lambda_svc._request_region.reset(of_region)
    return went_on


def poll_one(mapping):
    """Delivers the next batch of a mapping. Returns whether it went on."""
    table = table_of(mapping)
    if table is None or lambda_svc._esm_backoff_until.get(mapping["UUID"], 0) > time.time():
        return False
    function = invocations.called(lambda_svc._functions.get(mapping["FunctionName"]), mapping.get("Qualifier"))
    if function is None:
        return False
    position = current_position(mapping, table)
    limit = batch_limit(mapping, table, position)
    records = dynamodb.stream_records_since(table, position, limit)
    if not records:
        return False
    denied = not_allowed(function, mapping["EventSourceArn"])
    if denied:
        mapping["LastProcessingResult"] = f"PROBLEM: the function's role may not call {denied}"
        lambda_svc._esm_backoff_until[mapping["UUID"]] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS
        return False

    old = too_old(mapping, records)
    if old:
        give_up(mapping, function, records[:old], {}, "MaxRecordAgeExceeded")
        return move_on(mapping, position + old)
    batch = lambda_svc._apply_filter_criteria(records, mapping)
    if not batch:
        return move_on(mapping, position + len(records))
    result = lambda_svc._execute_function(function, {"Records": batch})
    failed = first_failure(mapping, batch, result)
    if failed is None:
        mapping["LastProcessingResult"] = f"OK - {len(batch)} records"
        return move_on(mapping, position + len(records))
    # What is before the first failure is done, and with it what the filters kept away.
    done = next(index for index, record in enumerate(records) if sequence(record) == sequence(batch[failed]))
    if failed > 0:
        move_on(mapping, position + done)
    return fail(mapping, function, records[done:], batch[failed:], position + done, result)


def table_of(mapping):
    """The name of the table whose present stream a mapping reads, or None."""
    if not mapping.get("Enabled", True):
        return None
    try:
        spec = parse_arn(mapping.get("EventSourceArn", ""))
    except ArnParseError:
        return None
    if spec.service != "dynamodb" or (spec.account_id, spec.region) != (get_account_id(), get_region()):
        return None
    named = lambda_svc._dynamodb_stream_table_from_arn_spec(spec)
    table = named and dynamodb._tables.get(named[0])
    return named[0] if table and table.get("LatestStreamArn") == mapping["EventSourceArn"] else None


def current_position(mapping, table):
    """Where a mapping goes on, which is never before what the stream still has."""
    horizon, end = dynamodb.stream_start_position(table), dynamodb.stream_end_position(table)
    positions = lambda_svc._dynamodb_stream_positions
    with lambda_svc._dynamodb_stream_positions_lock:
        if mapping["UUID"] not in positions:
            positions[mapping["UUID"]] = horizon if mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON" else end
        positions[mapping["UUID"]] = max(positions[mapping["UUID"]], horizon)
        return positions[mapping["UUID"]]


def batch_limit(mapping, table, position):
    """How many records the next batch has at most."""
    size = mapping.get("BatchSize", 100)
    first = dynamodb.stream_records_since(table, position, 1)
    with _lock:
        stuck = _stuck.get(mapping["UUID"])
    return min(size, stuck["limit"]) if stuck and first and sequence(first[0]) == stuck["first"] else size


def sequence(record):
    """The sequence number of a record."""
    return str((record.get("dynamodb") or {}).get("SequenceNumber", ""))


def not_allowed(function, stream):
    """The first action of reading that the function's role does not have, or None."""
    role = ((function.get("config") or function).get("Role") or "").rsplit("/", 1)[-1]
    account, region = get_account_id(), get_region()
    policies = iam_evaluator._gather_role_policies(role, account)
    for action, resource in [*((action, stream) for action in READING), ("dynamodb:ListStreams", "*")]:
        context = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/mapping", principal_type="AssumedRole",
            principal_account=account, action=action, resource_arn=resource, region=region, service_context={}, secure_transport=True,
        )
        if iam_evaluator.evaluate(context, policies).decision != "Allow":
            return action
    return None


def too_old(mapping, records):
    """How many records from the first on are older than the mapping allows."""
    longest = int(mapping.get("MaximumRecordAgeInSeconds") or -1)
    if longest < 0:
        return 0
    old = 0
    for record in records:
        if time.time() - float((record.get("dynamodb") or {}).get("ApproximateCreationDateTime", time.time())) <= longest:
            break
        old += 1
    return old


def first_failure(mapping, batch, result):
    """The index of the first record of a batch that failed, or None."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return None
    answer = result.get("body")
    if isinstance(answer, (str, bytes)):
        try:
            answer = json.loads(answer or "null")
        except ValueError:
            return 0
    if answer in (None, {}):
        return None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if failures is None:
        return None
    known = [sequence(record) for record in batch]
    named = [str((failure or {}).get("itemIdentifier") or "") for failure in failures]
    # What names no record of the batch fails it whole, as on AWS.
    if any(one not in known for one in named):
        return 0
    return min((known.index(one) for one in named), default=None)


def fail(mapping, function, records, batch, position, result):
    """Counts a failure of the batch that begins with these records, and halves it or gives it up. Returns whether it was given up."""
    identifier, first = mapping["UUID"], sequence(records[0])
    mapping["LastProcessingResult"] = "FAILED"
    with _lock:
        stuck = _stuck.get(identifier)
        if not stuck or stuck["first"] != first:
            stuck = _stuck[identifier] = {"first": first, "retries": 0, "limit": mapping.get("BatchSize", 100)}
        # Half of what failed as a whole. An answer that names a record has split the batch itself.
        if result.get("error") and mapping.get("BisectBatchOnFunctionError") and len(records) > 1:
            stuck["limit"] = math.ceil(len(records) / 2)
            exhausted = False
        else:
            stuck["retries"] += 1
            longest = mapping.get("MaximumRetryAttempts")
            exhausted = longest is not None and 0 <= int(longest) < stuck["retries"]
    if exhausted:
        give_up(mapping, function, batch, result, "RetryAttemptsExhausted")
        return move_on(mapping, position + len(records))
    lambda_svc._esm_backoff_until[identifier] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS
    return False


def give_up(mapping, function, batch, result, condition):
    """Records what is not delivered any more, where the mapping says."""
    lambda_svc._send_ddb_stream_failure_record(mapping, function, batch, mapping["EventSourceArn"], result, condition)


def move_on(mapping, position):
    """Goes on at a position."""
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position
    lambda_svc._esm_backoff_until.pop(mapping["UUID"], None)
    return True
