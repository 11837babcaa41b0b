"""Logs: one JSON object a line on stderr, or coloured text on a terminal. Never content, never a token.

An error's own text may hold what belongs into no log: a value that a driver could not bind, a document that a parser
could not read. So of an exception the log has the kinds and the places, of its causes too, and no text.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog
from opentelemetry import trace

NOISY = ("aiokafka", "faust", "mode", "cassandra", "asyncio", "jgo", "urllib3", "opentelemetry", "botocore", "boto3")
SILENT = ("cassandra.protocol",)  # the server warns of every batch over several partitions, which are wanted here

Line = MutableMapping[str, Any]


def configure(level: str) -> None:
    """Sends structlog's and the libraries' logs to stderr from `level` up; libraries from WARNING up."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _timestamp,
        _traced,
        _failed,
        _known,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=[_foreign, *shared]))
    # Never DEBUG at the root: the libraries build their messages even where nobody reads them.
    logging.basicConfig(level=max(logging.INFO, logging.getLevelNamesMapping()[level]), handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


_timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _foreign(_logger: Any, _method: str, line: Line) -> Line:
    """The exception of a library's record, where `_failed` looks for it; of the message only what it is made from."""
    record: logging.LogRecord = line["_record"]
    if record.exc_info:
        line["event"] = str(record.msg).partition("\n")[0]
        line["exc_info"] = record.exc_info
    return line


def _traced(_logger: Any, _method: str, line: Line) -> Line:
    """The trace that a line belongs to, where there is one."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = trace.format_trace_id(context.trace_id)
    return line


def _failed(_logger: Any, _method: str, line: Line) -> Line:
    """Kinds and places of an exception and its causes."""
    given = line.pop("exc_info", None)
    error = sys.exception() if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        line["exception"] = "\ncaused by ".join(map(_described, _causes(error)))
    return line


def _known(_logger: Any, _method: str, line: Line) -> Line:
    """Without what is not known."""
    return {name: value for name, value in line.items() if value is not None}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join([type(error).__qualname__, *(f"  {one.filename}:{one.lineno} {one.name}" for one in frames)])
