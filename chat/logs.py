"""Logs: one JSON object a line on stderr, or coloured text on a terminal. Never content, never a token."""

import logging
import sys
from typing import Any

import structlog

NOISY = ("aiokafka", "faust", "mode", "cassandra", "asyncio", "jgo", "urllib3")
SILENT = ("cassandra.protocol",)  # the server warns of every batch over several partitions, which are wanted here


def configure(level: str) -> None:
    """Sends structlog's and the libraries' logs to stderr from `level` up; libraries from WARNING up."""
    shared: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _timestamp]
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    # Never DEBUG at the root: the libraries build their messages even where nobody reads them.
    logging.basicConfig(level=max(logging.INFO, logging.getLevelNamesMapping()[level]), handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


_timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
