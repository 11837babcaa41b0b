"""What the shipped lock files of the embedded servers hold."""

import re

import pytest

from chat.servers.artefacts import lock_file, locked
from chat.servers.lock import ARCHIVES, ROOTS


@pytest.mark.parametrize("server", [*ROOTS, *ARCHIVES])
def test_every_locked_jar_has_a_sha256(server: str) -> None:
    """No jar of a server goes unchecked."""
    jars = locked(server)
    assert jars
    for jar in jars:
        assert re.fullmatch(r"[0-9a-f]{64}", jar.sha256 or ""), jar


@pytest.mark.parametrize("server", ROOTS)
def test_the_roots_are_locked_at_their_versions(server: str) -> None:
    """The lock file was written from the roots that stand in the code."""
    versions = {f"{jar.groupId}:{jar.artifactId}": jar.version for jar in locked(server)}
    for root in ROOTS[server]:
        project, version = root.rstrip("!").rsplit(":", 1)
        assert versions[project] == version


@pytest.mark.parametrize("server", ARCHIVES)
def test_an_archive_is_locked_at_its_version(server: str) -> None:
    """The lock file was written from the coordinates that stand in the code."""
    (one,) = locked(server)
    assert (one.groupId, one.artifactId, one.version, one.packaging, one.classifier) == ARCHIVES[server]


def test_all_parts_of_kafka_have_one_version() -> None:
    """No other jar's dependency management has changed the version of a part of Kafka."""
    assert {jar.version for jar in locked("kafka") if jar.groupId == "org.apache.kafka"} == {"4.4.0"}


@pytest.mark.parametrize("server", [*ROOTS, *ARCHIVES])
def test_no_address_stands_in_a_lock_file(server: str) -> None:
    """Where jars come from is jgo's business and its user's."""
    assert "://" not in lock_file(server).read_text(encoding="utf-8")
