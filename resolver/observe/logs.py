"""Log lines for people and for machines.

    LOG.warning("list refused", extra=fields(list="ads", reason=str(error)))

What came from outside goes into fields. Whatever it holds, a record stays one line, and one field does not
look like two. Nothing is logged for every query.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Literal, TextIO

Form = Literal["auto", "human", "json"]

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Levels as the journal numbers them (sd-daemon(3))."""


def setup_logging(level: str, form: Form, stream: TextIO) -> None:
    """Send records of `level` (debug, info, warning, error) and above to `stream`, and nowhere else.

    `auto` is for people on a terminal, else JSON. Where the stream leads to the systemd journal, lines for
    people have the journal's priority in front in place of the time, which the journal knows.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(form, stream))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


def fields(**values: object) -> dict[str, object]:
    """Return named values of a record, for the `extra` of a logging call."""
    return {"fields": values}


def _formatter(form: Form, stream: TextIO) -> logging.Formatter:
    if form == "json" or (form == "auto" and not stream.isatty()):
        return JsonFormatter()
    return JournalFormatter() if leads_to_journal(stream, os.environ) else HumanFormatter()


def leads_to_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Say whether the systemd journal reads `stream`: JOURNAL_STREAM names its device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # not a file, or closed
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class HumanFormatter(logging.Formatter):
    """Time, level, message, fields. A traceback follows, each line behind a bar."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record, without the last line break."""
        parts = [self._head(record), printable(record.getMessage())]
        parts += [f"{printable(key)}={_quoted(str(value))}" for key, value in _fields_of(record).items()]
        lines = [" ".join(parts), *[f"  | {printable(line)}" for line in traceback(record).splitlines()]]
        return "\n".join([self._start(record) + line for line in lines])

    def _head(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return f"{moment} {record.levelname:<7}"

    def _start(self, record: logging.LogRecord) -> str:
        return ""


class JournalFormatter(HumanFormatter):
    """The same for the systemd journal: priority, level, message, fields."""

    def _head(self, record: logging.LogRecord) -> str:
        return f"{record.levelname:<7}"

    def _start(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 6)}>"


class JsonFormatter(logging.Formatter):
    """One JSON object: `time` (UTC), `level`, `logger`, `message`, the fields, `traceback` if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as one line of ASCII."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        ours = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := traceback(record):
            ours["traceback"] = trace
        # No field takes the place of ours; `ours` in front only sets the order.
        return json.dumps(ours | _fields_of(record) | ours, default=str).replace("\x7f", "\\u007f")


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    values: dict[str, object] = getattr(record, "fields", {})
    return values


def traceback(record: logging.LogRecord) -> str:
    """Return the traceback of a record, also of one that comes from another process as text; empty: none."""
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else record.exc_text or ""


def printable(text: str) -> str:
    """Return `text` with all that could break or disguise a line as escapes: controls, marks of direction."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else ascii(char)[1:-1] for char in text])


def _quoted(value: str) -> str:
    """Return a field's value, in quotes where it could be taken for more than one."""
    if value and value.isprintable() and not set(value) & set(" =\"'\\"):
        return value
    return '"' + printable(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'
