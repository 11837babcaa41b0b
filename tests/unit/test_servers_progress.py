"""The progress of the first download."""

import io
import sys

import pytest
from rich.console import Console
from rich.progress import Progress
from structlog.testing import capture_logs

from chat.servers import progress
from chat.servers.progress import MEGABYTE, DownloadProgress, ProgressBar


def test_a_few_plain_lines_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first jar and the last make a line each, those shortly after none."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 1000.0)
    shown = DownloadProgress("Kafka", 3)
    with capture_logs() as lines:
        for _ in range(3):
            with shown.jar("some.jar", MEGABYTE) as count:
                count(MEGABYTE)
            shown.jar_done()
    assert [(line["jars"], line["megabytes"]) for line in lines] == [("1/3", 1), ("3/3", 3)]


@pytest.mark.parametrize("kind", [ProgressBar, DownloadProgress])
def test_a_terminal_gets_the_bar(monkeypatch: pytest.MonkeyPatch, kind: type[DownloadProgress]) -> None:
    """A bar goes to a terminal only."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: kind is ProgressBar)
    with progress.shown("Kafka", 1) as shown:
        assert type(shown) is kind


def test_a_bar_on_a_terminal() -> None:
    """On a terminal the same numbers move a bar, and no line is logged."""
    bars = Progress(console=Console(file=io.StringIO(), force_terminal=True))
    with capture_logs() as lines:
        shown = ProgressBar("Kafka", 2, bars)
        shown.jar_done()
    assert lines == []
    assert (bars.tasks[0].completed, bars.tasks[0].total) == (1, 2)
