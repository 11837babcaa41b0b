"""A sample conversation of two learners, for a first look. Its ids are fixed: sent again it adds nothing."""

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from chat.cli.http import get
from chat.cli.output import line
from chat.errors import StorageUnavailable
from chat.sdk import Producer
from chat.settings import Settings
from chat.tokens import make_token

TENANT = "sample-school"
TEACHER = "ms-noether"
NAMESPACE = uuid.UUID("5f0c1f5e-6d1a-5c3b-9a56-0b8d3c2c9c11")
DAY = 86_400
HTTP_OK = 200


class Talk(NamedTuple):
    """One learner's thread: its title, and who says what."""

    learner: str
    title: str
    messages: tuple[tuple[str, str], ...]

    @property
    def thread_id(self) -> str:
        return _fixed(self.learner)


TALKS = (
    Talk(
        "ada",
        "Fractions",
        (
            (TEACHER, "Good morning, Ada! Which is more, 2/3 or 3/5?"),
            ("ada", "2/3, because 10/15 is more than 9/15."),
            (TEACHER, "Exactly. How did you find the 15?"),
            ("ada", "3 times 5!"),
        ),
    ),
    Talk(
        "emil",
        "The school garden",
        (
            ("emil", "Our beans are 12 cm tall now 🌱"),
            (TEACHER, "Well done, Emil. Please draw them for your diary."),
            ("emil", "I will, tomorrow."),
        ),
    ),
)


def show(settings: Settings, api: str) -> None:
    """Sends the conversation, prints its history as the API has it, and what to go on with.

    Raises `BadSetting` where no token can be signed, and what `Producer` raises.
    """
    teacher = _token(settings, TEACHER, "teacher", [talk.learner for talk in TALKS])
    _send(settings, teacher)
    for talk in TALKS:
        line("")
        line(f"{talk.title}, learner {talk.learner}, thread {talk.thread_id}")
        for message in _history(api, talk, teacher):
            line(f"  {message['seq']}  {message['sender_id']:<12}{message['content']}")
    line("")
    line(f"token of {TEACHER}, good for a day:")
    line(teacher)
    line("")
    line(f"look: {api}/console#learner={TALKS[0].learner}&token={teacher}")
    line(f'try: curl -H "Authorization: Bearer $TOKEN" "{api}/api/v1/threads?learner_id={TALKS[0].learner}"')


def _send(settings: Settings, teacher: str) -> None:
    tokens = {talk.learner: _token(settings, talk.learner, "learner", [talk.learner]) for talk in TALKS}
    tokens[TEACHER] = teacher
    with Producer(settings) as producer:
        sent = [producer.send(command, token=tokens[user]) for talk in TALKS for user, command in _commands(talk)]
        outcomes = [one.outcome() for one in sent]
    ends = [str(outcome.code or outcome.outcome) for outcome in outcomes]
    counts = ", ".join(f"{ends.count(end)} {end}" for end in sorted(set(ends)))
    line(f"sample: {len(ends)} commands put on Kafka: {counts}")


def _commands(talk: Talk) -> Iterator[tuple[str, dict[str, Any]]]:
    """Who sends what."""
    whose = {"tenant_id": TENANT, "learner_id": talk.learner, "thread_id": talk.thread_id}
    command_id = _fixed(f"{talk.learner}/create")
    yield TEACHER, {"type": "CreateThread", "command_id": command_id, **whose, "title": talk.title}
    for number, (user, content) in enumerate(talk.messages, start=1):
        ids = {name: _fixed(f"{talk.learner}/{number}/{name}") for name in ("command_id", "message_id")}
        yield user, {"type": "PostMessage", **ids, **whose, "content": content}


def _history(api: str, talk: Talk, token: str) -> list[dict[str, Any]]:
    status, page = get(api, f"/api/v1/threads/{talk.thread_id}/messages?after_seq=0", token)
    if status != HTTP_OK:
        raise StorageUnavailable(f"the API answers {status} instead of the sample's history")
    items: list[dict[str, Any]] = page["items"]
    return items


def _token(settings: Settings, user: str, role: str, learners: list[str]) -> str:
    return make_token(settings, TENANT, user, role, learners, ttl=DAY)


def _fixed(name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, name))
