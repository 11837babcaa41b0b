"""What the benchmark says of its figures, and of the machine that they are from."""

import json
from pathlib import Path

import pytest

from bench import machine
from bench.report import Journal, medians, table
from bench.rounds import QUICK, Figures


def _figures(workload: str, **rates: list[float]) -> list[Figures]:
    return [
        Figures(name.replace("_", " "), workload, number, {"rate": rate, "cpu": 100.0})
        for name, some in rates.items()
        for number, rate in enumerate(some, 1)
    ]


@pytest.fixture
def anchored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine once did 5,000 commands a second in the bare loop."""
    monkeypatch.setattr(machine, "ANCHORS", tmp_path)
    machine.anchor(medians(_figures("hot", bare_loop=[5_000])))


def test_the_median_counts_and_the_extremes_are_shown() -> None:
    """One round that something disturbed changes nothing but the least."""
    found = medians(_figures("hot", service=[6_000, 100, 6_200]))
    assert found["hot"]["service"] == {"rate": 6_000, "cpu": 100, "min": 100, "max": 6_200}


def test_the_table_has_ratios_to_the_bare_loop_of_the_same_workload() -> None:
    """Faster ones come first; who has nobody to be compared with has no ratio."""
    figures = [*_figures("hot", bare_loop=[4_000], service=[6_000]), *_figures("spread", service=[1_000])]
    _, first, second, third = table(medians(figures)).splitlines()
    assert first.split()[:6] == ["hot", "service", "6,000", "6,000", "6,000", "1.50"]
    assert second.split()[:7] == ["hot", "bare", "loop", "4,000", "4,000", "4,000", "1.00"]
    assert third.split() == ["spread", "service", "1,000", "1,000", "1,000", "100"]


@pytest.mark.usefixtures("anchored")
@pytest.mark.parametrize(("rate", "said"), [(3_999, 1), (4_000, 0)])
def test_a_bare_loop_below_four_fifths_of_its_anchor_is_said(rate: float, said: int) -> None:
    """The machine is then not what it was."""
    remarks = list(machine.remarks(medians(_figures("hot", bare_loop=[rate])), load=0.0))
    assert sum("bare loop" in one for one in remarks) == said


@pytest.mark.usefixtures("anchored")
@pytest.mark.parametrize(("rate", "said"), [(219, 1), (220, 0), (350, 0), (351, 1)])
def test_a_plain_agent_outside_its_band_is_said(rate: float, said: int) -> None:
    """It is the same everywhere: where it is not, the machine is another."""
    remarks = list(machine.remarks(medians(_figures("hot", plain_Faust=[rate])), load=0.0))
    assert sum("plain Faust" in one for one in remarks) == said


def test_a_machine_without_anchors_and_a_busy_one_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures beside that are not to be compared."""
    monkeypatch.setattr(machine, "ANCHORS", tmp_path)
    busy, unknown = machine.remarks({}, load=2.0)
    assert "load 2.0" in busy
    assert "no anchors" in unknown


def test_the_file_is_whole_after_every_figure(tmp_path: Path) -> None:
    """A run that ends early has lost nothing."""
    journal = Journal(tmp_path / "figures.json", QUICK)
    for number, one in enumerate(_figures("hot", service=[1_000, 3_000]), 1):
        journal.add(one)
        written = json.loads(journal.file.read_text())
        assert len(written["runs"]) == number
    assert written["medians"]["hot"]["service"]["rate"] == 2_000
