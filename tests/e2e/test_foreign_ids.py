"""A foreign id in every place of every path and command is as if it were not there at all."""

import uuid
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.attempts import APPLIED, Attempt, Outcome, Outcomes, get
from tests.e2e.client import ContractClient, create_thread, post_message
from tests.worker import WorkerProcess

LEARNER, OTHER = "learner-1", "learner-2"


class Place(NamedTuple):
    """A thread with one message."""

    tenant: str
    learner: str
    thread: str
    message: str


@pytest.fixture(scope="module")
def outcomes(client: ContractClient, worker: WorkerProcess) -> Outcomes:
    return Outcomes(client, worker)


@pytest.fixture(scope="module")
def places(client: ContractClient, outcomes: Outcomes) -> dict[str, Place]:
    """My thread, another of mine, one of a learner outside my scope, and one of another tenant."""
    wanted = {
        "mine": ("tenant-1", LEARNER),
        "mine too": ("tenant-1", LEARNER),
        "out of scope": ("tenant-1", OTHER),
        "another tenant's": ("tenant-2", LEARNER),
    }
    made = {name: Place(*place, str(uuid.uuid4()), str(uuid.uuid4())) for name, place in wanted.items()}
    for place in made.values():
        token = client.token(place.tenant)
        post = post_message(*place[:3], "words") | {"message_id": place.message}
        outcomes.require_applied([Attempt(create_thread(*place[:3]), token), Attempt(post, token)])
    return made


@pytest.fixture(scope="module")
def mine(client: ContractClient) -> str:
    """A teacher's token of one learner."""
    return client.token("tenant-1", learner_scope=[LEARNER])


def _paths(places: dict[str, Place]) -> dict[str, str]:
    """By what is foreign in it; the last of each kind is simply not there."""
    own = places["mine"]
    foreign = {name: place for name, place in places.items() if not name.startswith("mine")}
    nowhere = str(uuid.uuid4())
    threads = {name: place.thread for name, place in foreign.items()} | {
        "no such": nowhere,
        "no id": "thread-1",
        "in capitals": own.thread.upper(),
        "a learner": LEARNER,
        "a path": "..%2f..%2fhealth",
    }
    paths = {f"{name} thread": f"/threads/{thread}" for name, thread in threads.items()}
    paths |= {f"{name} thread's messages": f"/threads/{thread}/messages" for name, thread in threads.items()}
    paths |= {f"{name} message": f"/threads/{one.thread}/messages/{one.message}" for name, one in foreign.items()}
    messages = {name: place.message for name, place in places.items() if name != "mine"} | {"no such": nowhere}
    return paths | {
        f"{name} message in my thread": f"/threads/{own.thread}/messages/{one}" for name, one in messages.items()
    }


def test_every_path(places: dict[str, Place], mine: str, api: str) -> None:
    """Every GET with a foreign id is 404 with one body, while my own ids are 200."""
    own = places["mine"]
    for path in ("", "/messages", f"/messages/{own.message}"):
        assert get(api, f"/threads/{own.thread}{path}", mine).status_code == httpx.codes.OK
    answers = {name: get(api, path, mine) for name, path in _paths(places).items()}
    assert {name: one.status_code for name, one in answers.items()} == dict.fromkeys(answers, 404)
    assert len({one.text for one in answers.values()}) == 1
    assert len({tuple(sorted(set(one.headers) - {"date"})) for one in answers.values()}) == 1


def test_the_list_of_another_learner(places: dict[str, Place], mine: str, api: str, client: ContractClient) -> None:
    """The list of a learner outside my scope is the same 404, whether there is such a learner or not."""
    other, nobody = (get(api, "/threads", mine, learner_id=one) for one in (OTHER, "nobody"))
    assert (other.status_code, other.text) == (404, nobody.text)
    listed = get(api, "/threads", mine, learner_id=LEARNER).json()["items"]
    assert {one["thread_id"] for one in listed} == {places["mine"].thread, places["mine too"].thread}
    theirs = get(api, "/threads", client.token("tenant-2"), learner_id=LEARNER).json()["items"]
    assert [one["thread_id"] for one in theirs] == [places["another tenant's"].thread]


def test_a_cursor_of_another(places: dict[str, Place], mine: str, api: str, client: ContractClient) -> None:
    """A cursor counts for the query, tenant and scope that it was made for, and is 400 or 404 everywhere else."""
    path = f"/threads/{places['mine'].thread}/messages"
    cursor = get(api, "/threads", mine, learner_id=LEARNER, limit=1).json()["next_cursor"]
    assert get(api, "/threads", mine, learner_id=LEARNER, limit=1, cursor=cursor).status_code == httpx.codes.OK
    assert get(api, path, mine, cursor=cursor).status_code == httpx.codes.BAD_REQUEST
    theirs, narrow = client.token("tenant-2"), client.token("tenant-1", learner_scope=[OTHER])
    assert get(api, "/threads", theirs, learner_id=LEARNER, cursor=cursor).status_code == httpx.codes.BAD_REQUEST
    assert get(api, "/threads", narrow, learner_id=LEARNER, cursor=cursor).status_code == httpx.codes.NOT_FOUND


def _commands(thread: str, message: str) -> dict[str, dict[str, Any]]:
    """One command of each kind about a thread and a message, as mine."""
    at = {"tenant_id": "tenant-1", "learner_id": LEARNER, "thread_id": thread}
    one = at | {"message_id": message}
    return {
        "UpdateThread": {"type": "UpdateThread", **at, "title": "Mine now"},
        "DeleteThread": {"type": "DeleteThread", **at},
        "PostMessage": post_message("tenant-1", LEARNER, thread, "words"),
        "EditMessage": {"type": "EditMessage", **one, "content": "my words"},
        "DeleteMessage": {"type": "DeleteMessage", **one},
        "MarkRead": {"type": "MarkRead", **at, "seq": 1},
    }


@pytest.fixture(scope="module")
def admin(client: ContractClient) -> str:
    """Everything is permitted in its tenant, so that only the id is wrong."""
    return client.token("tenant-1", role="admin")


@pytest.mark.parametrize("whose", ["out of scope", "another tenant's"])
def test_every_command_about_a_foreign_thread(
    places: dict[str, Place], outcomes: Outcomes, admin: str, whose: str
) -> None:
    """It is `thread_not_found`, in the very words that a thread gets that is nowhere."""
    foreign = _commands(places[whose].thread, places[whose].message)
    nowhere = _commands(str(uuid.uuid4()), str(uuid.uuid4()))
    said = outcomes.of([Attempt(one, admin) for one in (*foreign.values(), *nowhere.values())])
    assert {one.code for one in said} == {"thread_not_found"}
    assert said[: len(foreign)] == said[len(foreign) :]


@pytest.mark.parametrize("whose", ["mine too", "out of scope", "another tenant's"])
def test_every_command_about_a_foreign_message(
    places: dict[str, Place], outcomes: Outcomes, admin: str, whose: str
) -> None:
    """In my thread a foreign message, and a reply to it, is refused in the very words for a message that is nowhere."""
    thread = places["mine"].thread

    def about(message: str) -> list[Attempt]:
        commands = _commands(thread, message)
        reply = commands["PostMessage"] | {"reply_to": message}
        return [Attempt(one, admin) for one in (commands["EditMessage"], commands["DeleteMessage"], reply)]

    said = outcomes.of([*about(places[whose].message), *about(str(uuid.uuid4()))])
    assert [one.code for one in said[:2]] == ["message_not_found"] * 2
    assert said[:3] == said[3:]
    assert APPLIED not in {one.code for one in said}


def test_taken_ids(places: dict[str, Place], outcomes: Outcomes, admin: str) -> None:
    """A thread id is taken in its tenant only, a message id in its thread only."""
    other, theirs = places["out of scope"], places["another tenant's"]
    creates = [create_thread("tenant-1", LEARNER, one.thread) for one in (other, theirs)]
    post = post_message("tenant-1", LEARNER, places["mine"].thread, "words") | {"message_id": other.message}
    said = outcomes.of([Attempt(one, admin) for one in (*creates, post)])
    assert [one.code for one in said] == ["thread_exists", APPLIED, APPLIED]


def test_nothing_foreign_has_changed(places: dict[str, Place], client: ContractClient, api: str) -> None:
    """After all that, every foreign thread is as its owner left it."""
    for name in ("out of scope", "another tenant's"):
        place = places[name]
        token = client.token(place.tenant)
        assert get(api, f"/threads/{place.thread}", token).json()["title"] == f"Thread of {place.learner}"
        items = get(api, f"/threads/{place.thread}/messages", token).json()["items"]
        assert [(one["message_id"], one["content"]) for one in items] == [(place.message, "words")]


def test_a_wrong_tenant_in_a_command(places: dict[str, Place], outcomes: Outcomes, admin: str) -> None:
    """A command about another tenant's thread under that tenant's name is `wrong_tenant`."""
    place = places["another tenant's"]
    commands = [one | {"tenant_id": place.tenant} for one in _commands(place.thread, place.message).values()]
    said = outcomes.of([Attempt(one, admin) for one in commands])
    assert said == [Outcome("wrong_tenant", said[0].detail)] * len(commands)
