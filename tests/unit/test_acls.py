"""The file of roles for Kafka: what it grants, and whom nothing is granted to."""

from pathlib import Path

import pytest

from chat.acls import read_roles
from chat.errors import BadInput
from chat.topic_specs import Topic
from tests.worker import ROOT

FILE = ROOT / "deploy" / "kafka" / "acls.yaml"


def test_roles_name_topics_that_there_are() -> None:
    """Each topic of the file is one of the service's, and each of these is somebody's to write and to read."""
    grants = read_roles(FILE, {})
    topics = {grant.resource for grant in grants if grant.section == "topics"}
    assert topics == set(Topic)
    for operation in ("Read", "Write"):
        assert {one.resource for one in grants if (one.section, one.operation) == ("topics", operation)} == set(Topic)


def test_nobody_has_everything() -> None:
    """No role may do all, with the cluster, or by a pattern over topics; and only workers delete."""
    grants = read_roles(FILE, {})
    assert {grant.role for grant in grants if grant.operation == "Delete"} == {"worker"}
    assert "All" not in FILE.read_text(encoding="utf-8").split()
    assert not any("*" in grant.resource for grant in grants)


def test_a_role_is_granted_to_whom_one_names() -> None:
    """The others keep their usual principal."""
    grants = read_roles(FILE, {"worker": "User:CN=worker"})
    assert {one.principal for one in grants if one.role == "worker"} == {"User:CN=worker"}
    assert {one.principal for one in grants if one.role == "api"} == {"User:chat-api"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "text", "x: [1]", "x: {topics: [1]}", "x: {topics: {t: [Fly]}}", "x: {clusters: {c: [Read]}}", "{"],
)
def test_a_file_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    """Whatever is wrong with it, nothing is granted."""
    file = tmp_path / "acls.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="FILE"):
        read_roles(file, {})


def test_a_role_that_is_not_there_is_refused() -> None:
    """A misspelt role would else keep what it had."""
    with pytest.raises(BadInput, match="--principal"):
        read_roles(FILE, {"wroker": "User:x"})
