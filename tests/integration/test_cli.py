"""The program against a real Kafka, a real Cassandra and a real worker."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.broker import Place, broker
from chat.domain.partition import partition_of
from chat.errors import SchemaMismatch
from chat.ids import new_id
from chat.servers.free_port import free_port
from chat.settings import Settings
from chat.storage.session import Connection
from chat.topic_specs import Topic
from tests.chat_program import ChatProgram
from tests.clean_house import drop_keyspace
from tests.records import PARTITIONS, token
from tests.wait import until
from tests.worker import WorkerProcess, environment

KEYS = ["command_id", "outcome", "code", "event_id", "topic", "partition", "offset"]


@pytest.fixture(scope="module", autouse=True)
def worker(fresh: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    running = WorkerProcess(fresh, tmp_path_factory.mktemp("worker")).start()
    yield running.until_ready()
    running.end()


@pytest.fixture
def chat(fresh: Settings, tmp_path: Path) -> ChatProgram:
    return ChatProgram(tmp_path, environment(fresh) | {"CHAT_TOKEN": token()})


def create(learner: str = "learner-1", **fields: object) -> dict[str, object]:
    return {"type": "CreateThread", "tenant_id": "tenant-1", "learner_id": learner, "title": "Hello", **fields}


def lines(*commands: dict[str, object]) -> str:
    return "".join(f"{json.dumps(command)}\n" for command in commands)


def ends(settings: Settings) -> dict[Place, int]:
    return broker(settings).ends(Place(Topic.COMMANDS, partition) for partition in range(PARTITIONS))


def test_outcomes_are_printed_in_the_order_of_the_input(chat: ChatProgram) -> None:
    """Each command of a file has one line with the contract's fields, whatever its learner and its end."""
    commands = [create(f"learner-{number}", command_id=new_id()) for number in range(10)]
    commands[4]["title"] = ""
    (chat.folder / "commands").write_text("\n" + lines(*commands))
    ended = chat.run("send", "commands", "--wait")
    assert [list(line) for line in ended.lines] == [KEYS] * 10
    assert [line["command_id"] for line in ended.lines] == [command["command_id"] for command in commands]
    assert [line["code"] for line in ended.lines] == [None] * 4 + ["invalid"] + [None] * 5
    assert ended.status == 1
    assert ended.err.startswith(f"chat: {commands[4]['command_id']}: invalid: ")


def test_a_duplicate_counts_as_success(chat: ChatProgram) -> None:
    """The same lines from stdin end with status 0 both times, the second time as duplicates of the same events."""
    commands = lines(create(command_id=new_id(), thread_id=new_id()))
    first, second = (chat.run("send", "--wait", stdin=commands) for _ in range(2))
    assert (first.status, second.status) == (0, 0)
    assert (first.lines[0]["outcome"], second.lines[0]["outcome"]) == ("applied", "refused")
    assert second.lines[0]["code"] == "duplicate"
    assert second.lines[0]["event_id"] == first.lines[0]["event_id"]


def test_a_dead_letter_is_no_success(chat: ChatProgram) -> None:
    """A record whose type nobody knows ends as a dead letter, with status 1."""
    ended = chat.run("send", "--wait", "--json", stdin=lines(create(type="Nonsense")))
    assert (ended.lines[0]["outcome"], ended.lines[0]["code"], ended.status) == ("dead_letter", "unknown_type", 1)


def test_without_wait_nothing_is_printed(chat: ChatProgram, fresh: Settings) -> None:
    """Status 0 then means that Kafka has the command."""
    before = sum(ends(fresh).values())
    ended = chat.run("send", stdin=lines(create()))
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert sum(ends(fresh).values()) == before + 1


def test_one_wrong_line_and_nothing_is_sent(chat: ChatProgram, fresh: Settings) -> None:
    """A line that is no JSON object is named, and the good line before it is not sent either."""
    before = ends(fresh)
    ended = chat.run("send", stdin=lines(create()) + "nonsense\n")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == "chat: error: line 2: must be one JSON object in UTF-8, each name once; nothing was sent\n"
    assert ends(fresh) == before


def test_what_does_not_come_in_time_is_status_2(chat: ChatProgram, worker: WorkerProcess) -> None:
    """Without a worker `send --wait` ends after its timeout, says how many outcomes are missing, and how to go on."""
    worker.signal(signal.SIGSTOP)
    try:
        ended = chat.run("send", "--wait", "--timeout", "1", stdin=lines(create(), create()))
    finally:
        worker.signal(signal.SIGCONT)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "chat: error: 2 of 2 commands have no outcome within 1 s\n"


def test_a_token_on_the_command_line_wins(chat: ChatProgram) -> None:
    """`--token` is taken before CHAT_TOKEN."""
    ended = chat.run("send", "--wait", "--token", "nonsense", stdin=lines(create()))
    assert (ended.lines[0]["code"], ended.status) == ("unauthenticated", 1)


def test_tail_shows_events_refusals_and_dead_letters(chat: ChatProgram) -> None:
    """Everything of one learner is printed as JSON lines, each with the place where it lies; others' is not."""
    command = create("tail-1")
    chat.run("send", "--wait", stdin=lines(command, create("tail-1", title=""), create("tail-1", type="Nonsense")))
    chat.run("send", "--wait", stdin=lines(create("tail-2")))
    ended = chat.run("tail", "--from", "earliest", "--until-end", "--tenant", "tenant-1", "--learner", "tail-1")
    assert ended.status == 0
    shown = {line["record"]["topic"]: line for line in ended.lines}  # type: ignore[index]
    assert len(ended.lines) == len(shown) == 3
    assert (shown["chat.events"]["event_type"], shown["chat.events"]["learner_id"]) == ("CHAT_THREAD_CREATED", "tail-1")
    assert (shown["chat.rejections"]["type"], shown["chat.rejections"]["code"]) == ("CommandRejected", "invalid")
    assert shown["chat.dead-letter"]["dead_letter"]["error_code"] == "unknown_type"  # type: ignore[index]
    place = {"partition": partition_of(b"tenant-1/tail-1", PARTITIONS), "key": "tenant-1/tail-1"}
    assert shown["chat.rejections"]["record"].items() >= place.items()  # type: ignore[attr-defined]
    assert "Bearer" not in ended.out


def test_tail_takes_one_topic_and_one_tenant(chat: ChatProgram) -> None:
    """`--topic` and `--tenant` narrow it down."""
    chat.run("send", "--wait", stdin=lines(create("tail-3")))
    only = chat.run("tail", "--from", "earliest", "--until-end", "--topic", "chat.events", "--tenant", "tenant-1")
    assert {line["record"]["topic"] for line in only.lines} == {"chat.events"}  # type: ignore[index]
    none = chat.run("tail", "--from", "earliest", "--until-end", "--tenant", "nobody")
    assert (none.out, none.status) == ("", 0)


def test_tail_goes_on_until_it_is_stopped(chat: ChatProgram) -> None:
    """A record is printed when it comes, and SIGTERM ends it with status 0."""
    learner = f"live-{new_id()}"
    with chat.start("tail", "--from", "earliest", "--learner", learner) as process:
        assert chat.run("send", "--wait", stdin=lines(create(learner))).status == 0
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["learner_id"] == learner
        assert process.poll() is None
        process.terminate()
        assert process.wait(30) == 0


def test_tail_into_a_pipe_that_closes_says_nothing(chat: ChatProgram) -> None:
    """A reader that has seen enough is no fault."""
    chat.run("send", "--wait", stdin=lines(create(), create(), create()))
    with chat.start("tail", "--from", "earliest") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        chat.run("send", "--wait", stdin=lines(*(create() for _ in range(50))))
        until(lambda: process.poll() is not None, what="the end of tail")
        assert process.stderr.read() == ""


def test_a_server_that_is_away_is_one_line(chat: ChatProgram) -> None:
    """Where nobody answers the program says so in one line and ends with status 1."""
    port = free_port()
    nowhere = ChatProgram(chat.folder, {**chat.variables, "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
    ended = nowhere.run("tail")
    assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith(f"chat: error: Kafka does not answer: 127.0.0.1:{port}")


def test_migrations_and_topics_are_safe_to_repeat(chat: ChatProgram) -> None:
    """Run again on a finished house, both change nothing and say so."""
    assert chat.run("migrate").out == "nothing to apply\n"
    assert chat.run("topics", "apply").out == "nothing to change\n"
    assert chat.run("topics", "apply", "--json").out == "[]\n"


def test_another_partition_count_is_refused(chat: ChatProgram) -> None:
    """TOPIC_PARTITIONS cannot be changed afterwards: status 71, and both numbers."""
    other = ChatProgram(chat.folder, {**chat.variables, "TOPIC_PARTITIONS": "5"})
    ended = other.run("topics", "apply")
    assert ended.status == 71
    assert f"{PARTITIONS} partitions" in ended.err
    assert "wants 5" in ended.err


def test_who_has_the_secret_needs_no_token_for_privacy(chat: ChatProgram) -> None:
    """The verdict is on the command: nobody was erased who could be enrolled again."""
    operator = ChatProgram(chat.folder, {name: one for name, one in chat.variables.items() if name != "CHAT_TOKEN"})
    ended = operator.run("privacy", "enrol", "--tenant", "tenant-1", "--learner", "learner-1", "--wait")
    assert [line["code"] for line in ended.lines] == ["invalid"]
    shown = operator.run("privacy", "status", "--tenant", "tenant-1", "--learner", "learner-1")
    assert (shown.status, "nothing was ever asked" in shown.err) == (1, True)


def test_topics_and_tables_may_be_made_in_either_order(chat: ChatProgram, fresh: Settings, tmp_path: Path) -> None:
    """`topics apply` makes the tables where there is no keyspace, and `chat migrate` finds nothing to do then."""
    other = fresh.model_copy(
        update={"cassandra_keyspace": f"{fresh.cassandra_keyspace}_2", "kek_folder": tmp_path / "k"}
    )
    elsewhere = ChatProgram(chat.folder, environment(other))
    try:
        assert elsewhere.run("topics", "apply").status == 0
        assert elsewhere.run("migrate", "--json").lines == [{"applied": []}]
    finally:
        drop_keyspace(other)


def test_a_process_without_tables_says_what_to_run(chat: ChatProgram, fresh: Settings) -> None:
    """A keyspace that is not there is said with `chat migrate`."""
    elsewhere = ChatProgram(chat.folder, {**chat.variables, "CASSANDRA_KEYSPACE": "not_there"})
    ended = elsewhere.run("privacy", "status", "--tenant", "t", "--learner", "l")
    assert (ended.status, "chat migrate" in ended.err) == (SchemaMismatch.exit_code, True)
    with pytest.raises(SchemaMismatch):
        asyncio.run(Connection.open(fresh.model_copy(update={"cassandra_keyspace": "not_there"})))
