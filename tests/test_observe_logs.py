"""resolver/observe/logs.py."""

from __future__ import annotations

import io
import json
import logging
import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.observe.logs import (
    Form,
    HumanFormatter,
    JournalFormatter,
    JsonFormatter,
    fields,
    leads_to_journal,
    setup_logging,
)

HOSTILE = [
    "a\nb",
    "a\r\nERROR forged",
    "\x1b[2J",
    "\u2028",
    "\x85",
    "\u202egnp.exe",
    "\x7f\0",
    "\udcff",
    "é\t",
]
LOG = logging.getLogger("resolver.tests")


@pytest.fixture(autouse=True)
def root_as_before() -> Iterator[None]:
    """Leave logging as pytest set it up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def record(message: str, /, *, exc: Exception | None = None, **values: object) -> logging.LogRecord:
    made = logging.LogRecord("resolver.tests", logging.WARNING, __file__, 1, message, None, None)
    made.__dict__.update(fields(**values))
    if exc is not None:
        made.exc_info = (type(exc), exc, None)
    return made


def logged(form: Form, stream: io.StringIO) -> str:
    setup_logging("info", form, stream)
    LOG.info("list built", extra=fields(list="ads", names=3))
    return stream.getvalue()


def test_a_terminal_gets_a_line_for_people() -> None:
    line = logged("auto", Terminal())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO    list built list=ads names=3\n", line)


@pytest.mark.parametrize(("form", "stream"), [("auto", io.StringIO()), ("json", Terminal())])
def test_everything_else_gets_a_json_object_a_line(form: Form, stream: io.StringIO) -> None:
    line = json.loads(logged(form, stream))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "resolver.tests",
        "message": "list built",
        "list": "ads",
        "names": 3,
    }


def test_the_journal_gets_priorities_and_no_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with open(reader) as lines, open(writer, "w") as stream:
        status = os.fstat(writer)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        setup_logging("info", "human", stream)
        LOG.info("list built", extra=fields(list="ads"))
        LOG.error("list refused")
        assert lines.readline() == "<6>INFO    list built list=ads\n"
        assert lines.readline() == "<3>ERROR   list refused\n"


def test_a_stream_that_left_the_journal_is_not_taken_for_it() -> None:
    reader, writer = os.pipe()
    with open(reader), open(writer, "w") as stream:
        status = os.fstat(writer)
        assert leads_to_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not leads_to_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert not leads_to_journal(stream, {})
    assert not leads_to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:1"})


def test_records_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    setup_logging("warning", "json", stream)
    LOG.info("quiet")
    assert stream.getvalue() == ""


def test_a_second_setup_takes_the_place_of_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    setup_logging("info", "json", first)
    setup_logging("info", "json", second)
    LOG.info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("\n") == 1


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("formatter", [HumanFormatter(), JournalFormatter(), JsonFormatter()])
def test_hostile_values_stay_one_printable_line(formatter: logging.Formatter, hostile: str) -> None:
    line = formatter.format(record(f"read {hostile}", name=hostile, tail="end"))
    assert line.isprintable()
    assert line.encode()


@given(st.text(), st.text())
def test_json_gives_back_what_went_in(message: str, value: str) -> None:
    line = JsonFormatter().format(record(message.replace("%", ""), value=value))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["value"] == value


@given(st.text())
def test_a_field_for_people_ends_where_it_ends(value: str) -> None:
    line = HumanFormatter().format(record("read", first=value, last="end"))
    assert line.isprintable()
    found = re.fullmatch(r'.* read first=("(?:[^"\\]|\\.)*"|[^ ="]+) last=end', line)
    assert found is not None


def test_a_field_does_not_replace_what_every_record_has() -> None:
    made = record("true", message="false", level="debug", time="never", more=1)
    line = json.loads(JsonFormatter().format(made))
    assert (line["message"], line["level"], line["more"]) == ("true", "warning", 1)
    assert line["time"] != "never"


def test_a_traceback_cannot_pass_for_another_record() -> None:
    made = record("failed", exc=ValueError("bad\n2026-01-01 00:00:00 INFO    forged\x1b"))
    first, *rest = HumanFormatter().format(made).split("\n")
    assert first.endswith("failed")
    assert rest
    assert all(line.startswith("  | ") and line.isprintable() for line in rest)
    assert "ValueError" in json.loads(JsonFormatter().format(made))["traceback"]
