"""Logs are JSON lines on standard error: one object a line, with the key of the object that it is about."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from linnet.foreign.text import clean, clean_document, clean_lines

OBJECT: Final[ContextVar[str]] = ContextVar("object", default="")
"""The key that this task works on, such as `Deployment/ml/tumor-risk`."""


class JsonFormatter(logging.Formatter):
    """A line has `time`, `level`, `logger`, `message`, then `object`, the record's `fields`, and `error`."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        if key := getattr(record, "object", "") or OBJECT.get():
            line["object"] = key
        for name, value in getattr(record, "fields", {}).items():
            line.setdefault(name, clean_document(value))
        if record.exc_info and not record.name.startswith("kopf."):  # what ends kopf is told by who begins it again
            line["error"] = clean_lines(self.formatException(record.exc_info))
        return json.dumps(line, default=str, separators=(",", ":"))


def configure(level: str) -> None:
    """Make all that is logged in this process JSON; libraries are heard from `warning` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(_matters)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("linnet").setLevel(level)


def _matters(record: logging.LogRecord) -> bool:
    """Leave out that kopf handles no signals, which `handlers/operator.py` does, and what `lease.py` says itself."""
    if record.name.startswith("kubernetes.aio.leaderelection"):
        return False
    return not (record.name.startswith("kopf.") and record.getMessage().startswith("OS signals are ignored"))
