"""The log lines of functions with the log format JSON, as Lambda stores them.

Lambda takes the level of a line from its `level` only if the line also has a `timestamp` in RFC 3339. To a JSON line without one it adds
a timestamp, and the level becomes INFO, whatever the line said: a filter for errors finds none (Lambda Developer Guide, "Log-level
filtering"). The emulator stores lines as they come.
"""

import json
import re
from datetime import datetime, timezone

from ministack.services import lambda_svc

from . import require

require.attributes(lambda_svc, "_emit_lambda_logs")
_emit = lambda_svc._emit_lambda_logs
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def install():
    """Puts the extension in place."""
    lambda_svc._emit_lambda_logs = emit


def emit(func, request_id, log_text, error, duration_ms, **options):
    """The emulator's own, with the lines as Lambda would store them."""
    config = func.get("config") or func
    if (config.get("LoggingConfig") or {}).get("LogFormat") == "JSON" and log_text:
        log_text = "\n".join(stored(line) for line in log_text.splitlines())
    return _emit(func, request_id, log_text, error, duration_ms, **options)


def stored(line):
    """A line with the timestamp and the level that Lambda gives it; one that is no JSON object as it is."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    if not isinstance(fields, dict):
        return line
    if RFC3339.fullmatch(str(fields.get("timestamp", ""))):
        return line if "level" in fields else json.dumps({**fields, "level": "INFO"})
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({**fields, "timestamp": now, "level": "INFO"})
