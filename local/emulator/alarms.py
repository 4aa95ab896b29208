"""Alarms that look at one metric.

A metric is its namespace, its name and its dimensions, and an alarm watches one (CloudWatch User Guide, "Metrics concepts"). The emulator
adds up all that have the name, so that the errors of one function set off the alarms of all others.
"""

import types

from ministack.services import cloudwatch

from . import require

require.attributes(cloudwatch, "_evaluate_alarm", "_metrics", "_dims_key", "_dims_from_list")
_evaluate = cloudwatch._evaluate_alarm


def install():
    """Puts the extension in place."""
    cloudwatch._evaluate_alarm = evaluate


class Watched:
    """The metrics with the dimensions that an alarm names."""

    def __init__(self, alarm):
        self.dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))

    def items(self):
        """As all metrics are listed."""
        return [(key, points) for key, points in cloudwatch._metrics.items() if key[2] == self.dimensions]


def evaluate(alarm):
    """The emulator's own, with these metrics in the place of all."""
    narrowed = types.FunctionType(_evaluate.__code__, {**vars(cloudwatch), "_metrics": Watched(alarm)})
    narrowed(alarm)
