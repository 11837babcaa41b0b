"""What goes into the log, and what never does."""

import json
import logging
from typing import Any
from unittest.mock import Mock

import pytest
import structlog

from chat import logs

WORDS = "a child's words"


@pytest.fixture(autouse=True)
def _logs_as_they_are() -> Any:
    """The root's handlers are put back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written since the last look, as JSON."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail() -> None:
    """Raises an error with a cause, both of which quote what they got."""
    try:
        int(WORDS)
    except ValueError as error:
        raise RuntimeError(f"cannot read {WORDS}") from error


def test_of_an_exception_the_log_has_kinds_and_places_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Of its cause too: an error's text may quote what nobody may read."""
    logs.configure("INFO")
    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("failed")
    (line,) = lines(capsys)
    assert WORDS not in json.dumps(line)
    assert line["exception"].startswith("RuntimeError\n")
    assert "\ncaused by ValueError\n" in line["exception"]
    assert line["exception"].count("test_logs.py") == 3


def test_a_librarys_exception_is_told_as_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """Its message is the one that stands in its source: what it would have put into it may be an error's text."""
    logs.configure("INFO")
    try:
        fail()
    except RuntimeError as error:
        logging.getLogger("faust").exception("Crashed reason=%r", error)  # noqa: TRY401 - as Faust does
        logging.getLogger("asyncio").error(f"Task exception\nfuture: {error!r}", exc_info=error)  # noqa: G004, TRY400 - as asyncio
    crashed, never_retrieved = lines(capsys)
    assert (crashed["event"], never_retrieved["event"]) == ("Crashed reason=%r", "Task exception")
    assert WORDS not in json.dumps([crashed, never_retrieved])
    assert "ValueError" in crashed["exception"]


def test_a_librarys_line_without_an_exception_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """From WARNING up; below it says nothing, whatever LOG_LEVEL is."""
    logs.configure("DEBUG")
    logging.getLogger("aiokafka").warning("%s is away", "broker 1")
    logging.getLogger("aiokafka").info("hello")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("broker 1 is away", "warning")


def test_a_line_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads log side by side: nobody's line gets into another's."""
    stderr = Mock(isatty=lambda: False)
    monkeypatch.setattr("sys.stderr", stderr)
    logs.configure("INFO")
    structlog.get_logger().info("one")
    logging.getLogger("a library").warning("two")
    written = [call.args[0] for call in stderr.write.call_args_list]
    assert [json.loads(line)["event"] for line in written] == ["one", "two"]
    assert all(line.endswith("\n") for line in written)


def test_a_line_is_one_json_object_with_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """With level, time and what a request bound, without what is None; below LOG_LEVEL there is nothing."""
    logs.configure("INFO")
    log = structlog.get_logger()
    with structlog.contextvars.bound_contextvars(request_id="r-1", user_id=None):
        log.info("request", status=200, code=None)
        log.debug("trip")
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "request", "level": "info", "request_id": "r-1", "status": 200}
