"""The program's errors and exit statuses, and the subcommands that need no server."""

import json
import re
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jwt
import pytest
import yaml
from typer.testing import CliRunner

import schemas
from chat.cli import main, send, token
from chat.cli.house import PROGRAM
from chat.cli.schemas import topics_document
from chat.cli.secret import FILE, ensure_secret, keep
from chat.domain.principal import Permission, Principal, Role
from chat.errors import BadInput, BadSetting, TopicMadeAnew
from chat.settings import MADE_UP_SECRET, Settings, load
from chat.tokens import TokenVerifier
from tests.records import SECRET, settings_for_tests

PRIVACY = ["privacy export", "privacy delete", "privacy enrol", "privacy status"]
SUBCOMMANDS = [
    *PRIVACY,
    "privacy",
    "up",
    "servers",
    "topics",
    "topics apply",
    "migrate",
    "offsets",
    "offsets save",
    "offsets restore",
    "worker",
    "api",
    "token",
    "send",
    "tail",
    "schemas",
    "schemas export",
    "openapi",
    "asyncapi",
]
TOKEN = ("token", "--tenant", "t", "--user", "t-user", "--role", "teacher", "--learner", "a", "--learner", "b")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory and an environment without any setting."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def chat(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs the program as its console script does; the exit status."""
    monkeypatch.setattr(sys, "argv", ["chat", *arguments])
    with pytest.raises(SystemExit) as end:
        main.run()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_every_subcommand_says_what_it_does(subcommand: str) -> None:
    """`--help` explains each subcommand and ends with status 0."""
    result = CliRunner().invoke(main.app, [*subcommand.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


@pytest.mark.parametrize(
    "subcommand",
    [
        "up",
        "servers",
        "topics apply",
        "migrate",
        "token",
        "send",
        "tail",
        "schemas export",
        "openapi",
        "asyncapi",
        *PRIVACY,
    ],
)
def test_what_prints_data_prints_json(subcommand: str) -> None:
    """Every subcommand that prints data has `--json`."""
    assert "--json" in CliRunner().invoke(main.app, [*subcommand.split(), "--help"]).stdout


def test_a_wrong_command_line_is_not_a_timeout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage ends with status 64, for 2 means that an outcome did not come in time."""
    assert chat(monkeypatch, "token", "--nonsense") == 64
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "--learner", "l"),
        ("delete", "--learner", "l", "--token", ""),
        ("status",),
        ("status", "--learner", "l", "--request", "r"),
        ("status", "--request", "no uuid"),
        ("verify", "--learner", "l", "--keys", "."),
    ],
    ids=["no-token", "empty-token", "nobody", "both", "no-uuid", "no-key"],
)
def test_a_privacy_command_that_lacks_something_asks_no_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """It ends with one line that names the option, and repeats nothing that was given."""
    subcommand, *given = arguments
    assert chat(monkeypatch, "privacy", subcommand, "--tenant", "t", *given) == 1
    said = capsys.readouterr().err
    assert said.startswith("chat: error: --")
    assert "no uuid" not in said


def test_a_typed_error_is_one_line_and_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error is said in one line on stderr, without a traceback, and gives the exit status."""
    assert chat(monkeypatch, *TOKEN) == BadSetting.exit_code
    output = capsys.readouterr()
    assert output.err == "chat: error: JWT_SECRET_KEY: must be set to sign a token\n"
    assert output.out == ""


def test_a_fault_of_the_program_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unexpected error shows neither a traceback nor what it was about."""
    nothing: dict[str, str] = {}
    monkeypatch.setattr(token, "start", lambda: nothing["a child's words"])
    assert chat(monkeypatch, *TOKEN) == 70
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"chat: error: a fault of the program: KeyError in <lambda>, test_cli_program\.py:\d+; .*\n", said
    )
    assert "child" not in said


def test_a_process_gives_its_own_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit status of a worker is that of `streams.run.run`."""
    monkeypatch.setattr("streams.run.run", lambda _settings: TopicMadeAnew.exit_code)
    assert chat(monkeypatch, "worker") == TopicMadeAnew.exit_code


def test_a_token_says_who_and_what(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed token is good, and holds what was asked for."""
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    assert chat(monkeypatch, *TOKEN, "--permission", "threads:read", "--ttl", "5", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    verified = TokenVerifier(settings_for_tests()).verify(printed["token"], time.time())
    caller = verified.principal
    assert caller == Principal("t-user", "t", Role.TEACHER, frozenset({Permission.THREADS_READ}), frozenset({"a", "b"}))
    assert verified.expires_at == printed["expires_at"]


def test_without_permissions_the_role_decides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no permission is named the token has no such claim, and its role's column counts."""
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    assert chat(monkeypatch, *TOKEN) == 0
    caller = TokenVerifier(settings_for_tests()).verify(capsys.readouterr().out.strip(), time.time()).principal
    assert "messages:write" in caller.permissions


def test_a_made_up_secret_is_the_owners_alone_and_stays() -> None:
    """The secret is made once, is readable by its owner only, and every subcommand's settings have it."""
    ensure_secret()
    first = load().jwt_secret_key
    ensure_secret()
    assert first.startswith(MADE_UP_SECRET)
    assert load().jwt_secret_key == first
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "value"), [("JWT_SECRET_KEY", SECRET), ("JWT_JWKS_URL", "keys.json"), ("ENVIRONMENT", "production")]
)
def test_no_secret_is_made_where_one_is_not_wanted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A key that is set, of either family, and production leave the folder as it was."""
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("TOPIC_REPLICATION", "3")
    monkeypatch.setenv("CASSANDRA_REPLICATION", '{"datacenter1": 3}')
    ensure_secret()
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("CASSANDRA_REPLICATION", '{"dc1": 0}', "greater than or equal to 1"),
        ("CASSANDRA_REPLICATION", '{"dc1": "x"}', "valid integer"),
        ("CASSANDRA_REPLICATION", "{}", "at least 1 item"),
        ("CASSANDRA_REPLICATION", "3", "valid dictionary"),
        ("CASSANDRA_REPLICATION", "x", '{"datacenter1": 3}'),
        ("MESSAGE_RETENTION_DAYS_BY_TENANT", "x", '{"tenant-1": 90}'),
        ("MESSAGE_RETENTION_DAYS_BY_TENANT", '{"tenant-1": 0}', "greater than or equal to 1"),
    ],
)
def test_a_wrong_object_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str
) -> None:
    """And the rule is that variable's own."""
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting, match=f"^{name}: .*{re.escape(rule)}"):
        load()


def test_a_made_up_secret_gives_way_to_keys_that_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """With JWT_JWKS_URL it does not count; a secret that somebody chose and a JWKS are still never both."""
    ensure_secret()
    monkeypatch.setenv("JWT_JWKS_URL", "keys.json")
    assert (load().jwt_secret_key, load().algorithms) == ("", ("ES256", "EdDSA", "RS256"))
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    with pytest.raises(BadSetting, match="never both"):
        load()


def test_what_is_kept_is_what_every_subcommand_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over what was there, and with what else was there; what somebody sets goes before it."""
    ensure_secret()
    secret = load().jwt_secret_key
    for folder in ("one/keys", 'it\'s a "folder" # of keys'):
        keep({"KEK_FOLDER": folder})
        assert (load().kek_folder, load().jwt_secret_key) == (Path(folder), secret)
    monkeypatch.setenv("KEK_FOLDER", "mine")
    assert load().kek_folder == Path("mine")
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("points", "port", "hosts"),
    [
        ("127.0.0.1:9043", 9043, ("127.0.0.1",)),
        ("a:9043, b:9043", 9043, ("a", "b")),
        ("a,b:9043", 9043, ("a", "b")),
        ("[::1]:9043", 9043, ("::1",)),
        ("::1", 9042, ("::1",)),
        ("a", 9042, ("a",)),
    ],
)
def test_contact_points_may_say_the_port(
    monkeypatch: pytest.MonkeyPatch, points: str, port: int, hosts: tuple[str, ...]
) -> None:
    """As the line `ready:` says it."""
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", points)
    assert (load().cassandra_contact_points, load().cassandra_port) == (hosts, port)


@pytest.mark.parametrize("points", ["a:1,b:2", "a:9043"])
def test_nodes_have_one_port(monkeypatch: pytest.MonkeyPatch, points: str) -> None:
    monkeypatch.setenv("CASSANDRA_PORT", "9044")
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", points)
    with pytest.raises(BadSetting, match=r"^CASSANDRA_CONTACT_POINTS: all nodes have one port"):
        load()


def test_words_may_be_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "warning")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "ssl")
    assert (load().log_level, load().kafka_security_protocol) == ("WARNING", "SSL")


def test_a_short_secret_is_said_and_signs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the same HMAC key for everybody else's library; production refuses it."""
    monkeypatch.setenv("JWT_SECRET_KEY", "short")
    assert chat(monkeypatch, *TOKEN) == 0
    printed = capsys.readouterr()
    assert "short_secret" in printed.err
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        jwt.decode(printed.out.strip(), "short", algorithms=["HS256"])
        foreign = jwt.encode({"sub": "u", "tenant_id": "t", "role": "admin", "exp": time.time() + 60}, "short")
    assert TokenVerifier(load()).verify(foreign, time.time()).principal.user_id == "u"
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("TOPIC_REPLICATION", "3")
    monkeypatch.setenv("CASSANDRA_REPLICATION", '{"datacenter1": 3}')
    with pytest.raises(BadSetting, match=r"^JWT_SECRET_KEY: must be at least 32 bytes"):
        load()


NO_OBJECTS = (b"nonsense", b"[1]", b'{"a": NaN}', b'"text"', b'{"a": "\xff"}')
NAMES_TWICE = (b'{"a": 1, "a": 2}', b'{"b": {"a": 1, "a": 2}}')


@pytest.mark.parametrize("line", NO_OBJECTS + NAMES_TWICE)
def test_a_line_that_is_no_object_is_named(line: bytes) -> None:
    """The error says which line is wrong and by which rule, and does not repeat it."""
    with pytest.raises(BadInput, match=r"^line 3: must be one JSON object in UTF-8, each name once; nothing was sent$"):
        list(send._commands(b'{"type": "A"}\n\n' + line + b"\n"))


def test_a_long_integer_is_read_whole() -> None:
    """No float is made of it."""
    assert list(send._commands(b'{"id": 123456789012345678901234567890}')) == [{"id": 123456789012345678901234567890}]


def test_a_command_without_token_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a token `send` says what to give."""
    monkeypatch.delenv("CHAT_TOKEN", raising=False)
    Path("commands").write_text('{"type": "A"}\n')
    assert chat(monkeypatch, "send", "commands") == 1
    assert "CHAT_TOKEN" in capsys.readouterr().err


def test_schemas_are_exported_with_the_topics(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every schema and both documents of the topics are in the folder, with this process's settings."""
    monkeypatch.setenv("TOPIC_PARTITIONS", "24")
    assert chat(monkeypatch, "schemas", "export", "out", "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert "out/PostMessage/v1.avsc" in files
    assert sorted(files) == sorted(str(path) for path in Path("out").rglob("*") if path.is_file())
    described = yaml.safe_load(Path("out/asyncapi.yaml").read_text())
    assert described["channels"]["commands"]["bindings"]["kafka"]["partitions"] == 24
    for file in set(files) - {"out/asyncapi.yaml"}:
        json.loads(Path(file).read_text())
    document = json.loads(Path("out/topics.json").read_text())
    assert document == json.loads(json.dumps(topics_document(load())))
    assert [topic["topic"] for topic in document["topics"]][:1] == ["chat.commands"]


def test_a_process_of_ours_imports_nothing_from_where_it_is_started(tmp_path: Path) -> None:
    """Least of all the schemas that somebody has exported there."""
    schemas.export(tmp_path / "schemas")
    command = [*PROGRAM, "asyncapi", str(tmp_path / "asyncapi.yaml")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
