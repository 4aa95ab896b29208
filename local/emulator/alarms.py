"""CloudWatch alarms as AWS evaluates and reports them: by the dimensions of their metric, and with their ARN.

The emulator adds up the values of a metric whatever their dimensions are, so faults of one function would ring the alarms of all; and its
notification has no AlarmArn, and spells dimensions as the API does.
"""

import json
import types

from ministack.services import cloudwatch, sns

from . import require

require.attributes(cloudwatch, "_evaluate_alarm", "_metrics", "_dims_key", "_alarms")
require.attributes(sns, "_fanout")
_evaluate_alarm = cloudwatch._evaluate_alarm
_fanout = sns._fanout


def install():
    """Puts the extension in place."""
    cloudwatch._evaluate_alarm = evaluate
    sns._fanout = fanout


def evaluate(alarm):
    """The emulator's own, which sees the metric with the alarm's dimensions only."""
    dimensions = {one["Name"]: one["Value"] for one in alarm.get("Dimensions") or []}
    wanted = cloudwatch._dims_key(dimensions)
    mine = {key: points for key, points in cloudwatch._metrics.items() if key[2] == wanted}
    seeing = types.FunctionType(_evaluate_alarm.__code__, {**vars(cloudwatch), "_metrics": mine})
    return seeing(alarm)


def fanout(topic_arn, msg_id, message, *rest, **options):
    """The emulator's own, with what an alarm's message has on AWS."""
    return _fanout(topic_arn, msg_id, reported(message), *rest, **options)


def reported(message):
    """An alarm's message as AWS writes it; any other as it is."""
    try:
        fields = json.loads(message)
        alarm = cloudwatch._alarms.get(fields["AlarmName"])
        trigger = fields["Trigger"]
    except (ValueError, TypeError, KeyError):
        return message
    if not alarm or "AlarmArn" in fields:
        return message
    dimensions = [{"name": one["Name"], "value": one["Value"]} for one in trigger.get("Dimensions") or []]
    return json.dumps({**fields, "AlarmArn": alarm["AlarmArn"], "Trigger": {**trigger, "Dimensions": dimensions}})
