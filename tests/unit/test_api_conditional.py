"""`ETag` and `If-None-Match` on one thread and one message."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.conditional import _opaque_tags
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import ApiClient, client_of, key_of, make_app, message_at, put_conversation, shown_thread
from tests.records import token, uid

KEY = key_of(1)
THREAD = f"/api/v1/threads/{KEY.thread_id}"
MESSAGE = f"{THREAD}/messages/{uid(2, 1)}"
PATHS = (THREAD, MESSAGE)


@pytest.fixture
async def history() -> MemoryHistory:
    made = MemoryHistory()
    await put_conversation(made, KEY, 3)
    return made


@pytest.fixture
def client(history: MemoryHistory) -> ApiClient:
    return client_of(make_app(history))


async def tag(client: ApiClient, path: str) -> str:
    """The tag of what is there."""
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")
    return str(answer.headers["etag"])


async def status(client: ApiClient, path: str, *held: str) -> int:
    """How a request ends that holds these tags, a header each."""
    authorization = ("authorization", f"Bearer {client.bearer}")
    headers = [(name.encode(), text.encode("latin-1")) for name, text in (authorization, *_each(held))]
    return (await client.http.get(path, headers=headers)).status_code


def _each(held: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("if-none-match", one) for one in held]


@pytest.mark.parametrize("path", PATHS)
async def test_what_one_holds_is_not_sent_again(client: ApiClient, path: str) -> None:
    """304 without a body, with the tag and how it may be kept."""
    held = await tag(client, path)
    assert held == await tag(client, path)
    answer = await client.get(path, headers={"if-none-match": held})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer.headers["etag"], answer.headers["cache-control"]) == (held, "private, no-cache")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
async def test_tags_are_compared_as_the_standard_says(client: ApiClient, path: str) -> None:
    """Weakly, one by one, however many and in however many lines; a star stands for whatever is there."""
    held = await tag(client, path)
    good = [held, f"W/{held}", "*", " * ", f'"x", {held}', f'"x",{held} ,"y"', f", ,{held}", f'W/"x"\t,\tW/{held}',
            f'"a,b", {held}', f"{held},"]  # fmt: skip
    bad = ["", '"x"', 'W/"x"', held.strip('"'), f"w/{held}", f'"{held}"', f'"x" {held}', f'{held} "x"', f'"x, {held}',
           '*, "x"', '"*"', f'"W/{held.strip(chr(34))}"', held + "!", "é", '"']  # fmt: skip
    assert {one: await status(client, path, one) for one in good} == dict.fromkeys(good, 304)
    assert {one: await status(client, path, one) for one in bad} == dict.fromkeys(bad, 200)
    assert await status(client, path, '"x"', held) == 304
    assert await status(client, path, '"x"', '"y"') == 200


@example("\n")
@given(st.text(st.characters(codec="latin-1"), max_size=80))
def test_any_text_is_a_list_of_tags_or_none(text: str) -> None:
    """What is read between quotes holds none, whatever was sent, and a list of good tags is read whole."""
    assert not any('"' in one for one in _opaque_tags(text))
    clean = text.translate(dict.fromkeys([*range(33), 34, *range(127, 160)]))
    assert _opaque_tags(f'W/"{clean}" , "b"') == [clean, "b"]


async def test_no_header_is_too_long_to_read() -> None:
    """A header of the largest size that a server takes costs no time."""
    for text in ('"' * 65_536, " ," * 32_768, "W/" * 32_768, '"a" ' * 16_384, "\t" * 65_536 + "x"):
        assert set(_opaque_tags(text)) <= {""}


EDITS: dict[str, Any] = {
    "another text": {"content": "other"},
    "a husk": {"content": None, "deleted_at": 1},
    "the same again": {},
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_message_that_is_written_anew_has_another_tag(
    client: ApiClient, history: MemoryHistory, edit: str
) -> None:
    """Though it be in the millisecond of the write before; the messages beside it keep theirs."""
    beside = f"{THREAD}/messages/{uid(2, 2)}"
    held, held_beside = await tag(client, MESSAGE), await tag(client, beside)
    await history.put_message(KEY, message_at(1, **EDITS[edit]))
    assert await status(client, MESSAGE, held) == 200
    assert await tag(client, MESSAGE) != held
    assert await status(client, beside, held_beside) == 304


async def test_a_thread_that_is_written_anew_has_another_tag(client: ApiClient, history: MemoryHistory) -> None:
    """By a message, or by a title in the same millisecond."""
    tags = [await tag(client, THREAD)]
    for thread in (shown_thread(1, 4), shown_thread(1, 4)._replace(version=1), shown_thread(1, 4)._replace(version=2)):
        await history.put_thread(KEY, thread)
        assert await status(client, THREAD, *tags) == 200
        tags.append(await tag(client, THREAD))
    assert len(set(tags)) == 4


async def test_a_threads_tag_is_its_readers_own(client: ApiClient, history: MemoryHistory) -> None:
    """Whoever reads on has another one, since what is unread is in the answer; nobody else's changes."""
    other = client_of(make_app(history), token(user="teacher-2"))
    held, theirs = await tag(client, THREAD), await tag(other, THREAD)
    await history.put_mark(KEY, "teacher-1", 2)
    assert await status(client, THREAD, held) == 200
    assert (await client.json(THREAD))["unread"] == 1
    assert await status(other, THREAD, theirs) == 304
    assert await tag(client, THREAD) != theirs


@pytest.mark.parametrize("path", PATHS)
async def test_a_tag_opens_no_door(client: ApiClient, path: str) -> None:
    """Whoever may not see a thing gets the answer that they get without a tag, and none of its headers."""
    held = await tag(client, path)
    bearers = {
        404: (token(learners=["learner-2"]), token("tenant-2")),
        403: (token(permissions=[]),),
        401: (token(now=0, ttl=1), "nonsense"),
    }
    for expected, refused in bearers.items():
        for client.bearer in refused:
            without = await client.get(path)
            for given_tag in (held, "*"):
                answer = await client.get(path, headers={"if-none-match": given_tag})
                assert (answer.status_code, answer.content) == (expected, without.content)
                assert "etag" not in answer.headers


@pytest.mark.parametrize("path", [f"/api/v1/threads/{uid(1, 77)}", f"{THREAD}/messages/{uid(2, 77)}"])
async def test_what_is_not_there_has_no_tag(client: ApiClient, path: str) -> None:
    """404 also to a star."""
    assert await status(client, path, "*") == 404


@pytest.mark.parametrize("path", [f"{THREAD}/messages", "/api/v1/threads?learner_id=learner-1", "/", "/health/live"])
async def test_listings_have_no_tag(client: ApiClient, path: str) -> None:
    """Nor are they held back from one who has it all."""
    answer = await client.get(path, headers={"if-none-match": "*"})
    assert answer.status_code == 200
    assert "etag" not in answer.headers
    assert answer.headers["cache-control"] == "private, no-cache"
