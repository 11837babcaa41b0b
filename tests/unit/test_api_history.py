"""Threads and messages as HTTP shows them, over a history in memory."""

import pytest

from api.documents import Message, MessagePage, Thread, ThreadPage
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import (
    LEARNER,
    TENANT,
    ApiClient,
    client_of,
    key_of,
    make_app,
    message_at,
    put_conversation,
    seqs,
    shown_thread,
)
from tests.records import NOW, token, uid

KEY = key_of(1)
THREADS = "/api/v1/threads"
THREAD = f"{THREADS}/{KEY.thread_id}"
MESSAGES = f"{THREAD}/messages"


@pytest.fixture
def history() -> MemoryHistory:
    return MemoryHistory()


@pytest.fixture
def client(history: MemoryHistory) -> ApiClient:
    return client_of(make_app(history))


async def test_a_thread_is_shown_whole(client: ApiClient, history: MemoryHistory) -> None:
    """The contract's keys in the contract's order, times with milliseconds, metadata as an object."""
    await put_conversation(history, KEY, 3, last_activity_at=NOW + 1_234)
    response = await client.get(THREAD)
    Thread.model_validate_json(response.content)
    assert list(response.json().items()) == [
        ("thread_id", KEY.thread_id),
        ("tenant_id", TENANT),
        ("learner_id", LEARNER),
        ("title", "Fractions"),
        ("metadata", {"class": "4b"}),
        ("created_by", "teacher-1"),
        ("created_at", "2026-01-15T10:30:00.000Z"),
        ("updated_at", "2026-01-15T10:30:00.001Z"),
        ("last_seq", 3),
        ("last_activity_at", "2026-01-15T10:30:01.234Z"),
        ("read_seq", 0),
        ("unread", 3),
    ]


async def test_a_message_is_shown_whole(client: ApiClient, history: MemoryHistory) -> None:
    """The contract's keys in the contract's order; text comes back as it was, whatever its script."""
    await history.put_thread(KEY, shown_thread(last_seq=1))
    text = 'Grüße, 你好 👋🏽\u2028 "quoted" \\ \x01'
    await history.put_message(KEY, message_at(1, content=text, reply_to=uid(2, 9), metadata='{"a": [1, null]}'))
    response = await client.get(f"{MESSAGES}/{uid(2, 1)}")
    Message.model_validate_json(response.content)
    assert list(response.json().items()) == [
        ("message_id", uid(2, 1)),
        ("thread_id", KEY.thread_id),
        ("seq", 1),
        ("sender_id", "teacher-1"),
        ("content", text),
        ("message_type", "text"),
        ("reply_to", uid(2, 9)),
        ("metadata", {"a": [1, None]}),
        ("created_at", "2026-01-15T10:30:00.001Z"),
        ("updated_at", "2026-01-15T10:30:00.001Z"),
        ("deleted_at", None),
    ]


async def test_a_deleted_message_stays_as_a_husk(client: ApiClient, history: MemoryHistory) -> None:
    """Its seq stays on the page, with `deleted_at` and without content."""
    await put_conversation(history, KEY, 3)
    await history.put_message(KEY, message_at(2, content=None, deleted_at=NOW + 9))
    items = await client.items(MESSAGES)
    assert seqs(items) == [3, 2, 1]
    assert (items[1]["content"], items[1]["deleted_at"]) == (None, "2026-01-15T10:30:00.009Z")
    assert await client.json(f"{MESSAGES}/{uid(2, 2)}") == items[1]


async def test_an_id_whose_row_holds_another_is_not_there(client: ApiClient, history: MemoryHistory) -> None:
    """A message is found by its id only where the row holds that id."""
    await put_conversation(history, KEY, 2)
    await history.put_message(KEY, message_at(2, message_id=uid(2, 7)))
    assert (await client.get(f"{MESSAGES}/{uid(2, 2)}")).status_code == 404
    assert (await client.get(f"{MESSAGES}/{uid(2, 7)}")).status_code == 200


async def test_the_newest_come_first(client: ApiClient, history: MemoryHistory) -> None:
    """50 by default, and `next_cursor` leads to older ones until none is left."""
    await put_conversation(history, KEY, 120)
    pages = [page async for page in client.pages(MESSAGES)]
    assert [len(page["items"]) for page in pages] == [50, 50, 20]
    assert [seq for page in pages for seq in seqs(page["items"])] == list(range(120, 0, -1))
    assert pages[0]["prev_cursor"] is None
    assert {page["last_seq"] for page in pages} == {120}
    for page in pages:
        MessagePage.model_validate(page)


async def test_after_a_seq_the_oldest_come_first(client: ApiClient, history: MemoryHistory) -> None:
    """`after_seq` pages towards newer ones; a client that holds 1 … k asks for what follows."""
    await put_conversation(history, KEY, 30)
    assert seqs(await client.items(MESSAGES, after_seq=7, limit=4)) == list(range(8, 31))
    assert (await client.json(MESSAGES, after_seq=30))["items"] == []


async def test_before_a_seq_the_newest_come_first(client: ApiClient, history: MemoryHistory) -> None:
    """`before_seq` pages towards older ones."""
    await put_conversation(history, KEY, 30)
    assert seqs(await client.items(MESSAGES, before_seq=8, limit=3)) == list(range(7, 0, -1))


async def test_around_a_seq_it_is_in_the_middle(client: ApiClient, history: MemoryHistory) -> None:
    """`around_seq` shows a message among its neighbours, and both cursors lead on."""
    await put_conversation(history, KEY, 30)
    page = await client.json(MESSAGES, around_seq=15, limit=5)
    assert seqs(page["items"]) == [17, 16, 15, 14, 13]
    newer = await client.json(MESSAGES, cursor=page["prev_cursor"], limit=5)
    assert seqs(newer["items"]) == [22, 21, 20, 19, 18]


@pytest.mark.parametrize(("asked", "first"), [({}, [9, 8, 7]), ({"after_seq": 0}, [1, 2, 3])])
async def test_a_page_back_is_the_page_before(
    client: ApiClient, history: MemoryHistory, asked: dict[str, int], first: list[int]
) -> None:
    """`prev_cursor` of the second page gives the first, in the same order."""
    await put_conversation(history, KEY, 9)
    page = await client.json(MESSAGES, limit=3, **asked)
    second = await client.json(MESSAGES, limit=3, cursor=page["next_cursor"], **asked)
    back = await client.json(MESSAGES, limit=3, cursor=second["prev_cursor"], **asked)
    assert seqs(page["items"]) == first
    assert back == page


async def test_a_message_that_comes_while_one_pages_disturbs_no_page(client: ApiClient, history: MemoryHistory) -> None:
    """Older pages stay as they were; towards newer ones the new message is reached."""
    await put_conversation(history, KEY, 6)
    page = await client.json(MESSAGES, limit=3)
    await put_conversation(history, KEY, 7)
    older = await client.json(MESSAGES, limit=3, cursor=page["next_cursor"])
    assert (seqs(older["items"]), older["last_seq"]) == ([3, 2, 1], 7)
    newer = [seq async for one in client.pages(MESSAGES, "prev_cursor", cursor=older["prev_cursor"], limit=3)
             for seq in seqs(one["items"])]  # fmt: skip
    assert sorted(newer) == [4, 5, 6, 7]


async def test_a_cursor_goes_with_its_query(client: ApiClient, history: MemoryHistory) -> None:
    """A cursor may come alone or with the query that gave it; with another query, or in another thread, it is 400."""
    await put_conversation(history, KEY, 9)
    await put_conversation(history, key_of(2), 9)
    cursor = (await client.json(MESSAGES, after_seq=2, limit=2))["next_cursor"]
    alone = await client.json(MESSAGES, cursor=cursor, limit=2)
    assert seqs(alone["items"]) == [5, 6]
    assert await client.json(MESSAGES, cursor=cursor, limit=2, after_seq=2) == alone
    for wrong in ({"after_seq": 3}, {"before_seq": 2}):
        assert (await client.get(MESSAGES, cursor=cursor, **wrong)).status_code == 400
    assert (await client.get(MESSAGES.replace(KEY.thread_id, uid(1, 2)), cursor=cursor)).status_code == 400


async def test_a_listings_cursor_is_no_other_listings(client: ApiClient, history: MemoryHistory) -> None:
    """A cursor of the list of threads opens no messages, nor another learner's list."""
    for number in (1, 2, 3):
        await put_conversation(history, key_of(number), 3)
    cursor = (await client.json(THREADS, learner_id=LEARNER, limit=1))["next_cursor"]
    assert (await client.get(THREADS, learner_id=LEARNER, cursor=cursor)).status_code == 200
    assert (await client.get(THREADS, learner_id="learner-2", cursor=cursor)).status_code == 400
    assert (await client.get(MESSAGES, cursor=cursor)).status_code == 400


async def test_a_cursor_is_bound_to_its_tenant(client: ApiClient, history: MemoryHistory) -> None:
    """Where two tenants have a thread of one id, the one's cursor is nothing in the other's."""
    await put_conversation(history, KEY, 9)
    await put_conversation(history, key_of(1, tenant="tenant-2"), 9)
    cursor = (await client.json(MESSAGES, limit=2))["next_cursor"]
    client.bearer = token("tenant-2")
    assert (await client.get(MESSAGES)).status_code == 200
    assert (await client.get(MESSAGES, cursor=cursor)).status_code == 400


async def test_threads_are_listed_by_latest_activity(client: ApiClient, history: MemoryHistory) -> None:
    """Latest first, ids deciding where two are of one moment; another learner's and tenant's are not among them."""
    for number, active in ((1, 5), (2, 9), (3, 5), (4, 7)):
        await history.put_thread(key_of(number), shown_thread(number, last_activity_at=NOW + active))
    await history.put_thread(key_of(5, learner="learner-2"), shown_thread(5))
    await history.put_thread(key_of(6, tenant="tenant-2"), shown_thread(6))
    page = await client.json(THREADS, learner_id=LEARNER)
    ThreadPage.model_validate(page)
    assert [one["thread_id"] for one in page["items"]] == [uid(1, number) for number in (2, 4, 1, 3)]
    assert page["next_cursor"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11])
async def test_each_thread_is_listed_once(client: ApiClient, history: MemoryHistory, limit: int) -> None:
    """Threads that do not move while one pages appear exactly once, one that moves is on top of a new listing."""
    for number in range(1, 11):
        await history.put_thread(key_of(number), shown_thread(number, last_activity_at=NOW + number // 3))
    seen = []
    async for page in client.pages(THREADS, learner_id=LEARNER, limit=limit):
        seen += [one["thread_id"] for one in page["items"]]
        await history.put_thread(key_of(10), shown_thread(10, last_activity_at=NOW + 99))
    still = [uid(1, number) for number in range(1, 10)]
    assert sorted(set(seen) - {uid(1, 10)}) == still
    assert len(seen) == len(set(seen))
    assert (await client.json(THREADS, learner_id=LEARNER))["items"][0]["thread_id"] == uid(1, 10)


async def test_a_learner_without_threads_has_an_empty_list(client: ApiClient) -> None:
    """A learner whom the token reaches and who has nothing yet is no error."""
    assert await client.json(THREADS, learner_id="learner-9") == {"items": [], "next_cursor": None}


async def test_a_deleted_thread_is_not_there(client: ApiClient, history: MemoryHistory) -> None:
    """Neither it nor its messages, though its id stays taken."""
    await put_conversation(history, KEY, 2)
    paths = (THREAD, MESSAGES, f"{MESSAGES}/{uid(2, 1)}")
    assert [(await client.get(path)).status_code for path in paths] == [200] * 3
    await history.delete_thread(KEY)
    assert [(await client.get(path)).status_code for path in paths] == [404] * 3
    assert (await client.json(THREADS, learner_id=LEARNER))["items"] == []


@pytest.mark.parametrize(("path", "given", "field"), [
    (THREADS, {}, "learner_id"),
    (THREADS, {"learner_id": ""}, "learner_id"),
    (THREADS, {"learner_id": "a/b"}, "learner_id"),
    (THREADS, {"learner_id": "a" * 129}, "learner_id"),
    (THREADS, {"learner_id": "a\n"}, "learner_id"),
    (THREADS, {"learner_id": LEARNER, "limit": 0}, "limit"),
    (THREADS, {"learner_id": LEARNER, "limit": 201}, "limit"),
    (THREADS, {"learner_id": LEARNER, "limit": "ten"}, "limit"),
    (THREADS, {"learner_id": LEARNER, "cursor": "x"}, "cursor"),
    (MESSAGES, {"limit": -1}, "limit"),
    (MESSAGES, {"limit": "1.5"}, "limit"),
    (MESSAGES, {"after_seq": -1}, "after_seq"),
    (MESSAGES, {"after_seq": 2**63}, "after_seq"),
    (MESSAGES, {"before_seq": "x"}, "before_seq"),
    (MESSAGES, {"around_seq": "<b>"}, "around_seq"),
    (MESSAGES, {"after_seq": 1, "before_seq": 2}, "before_seq"),
    (MESSAGES, {"after_seq": 1, "around_seq": 2}, "around_seq"),
    (MESSAGES, {"cursor": "<b>not one</b>"}, "cursor"),
])  # fmt: skip
async def test_wrong_parameters_are_named(
    client: ApiClient, history: MemoryHistory, path: str, given: dict[str, str], field: str
) -> None:
    """400 with the field and its rule, never 422, and never a repetition of what was sent."""
    await put_conversation(history, KEY, 2)
    response = await client.get(path, **given)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "invalid")
    assert [one["field"] for one in problem["errors"]] == [field]
    assert "<b>" not in response.text


async def test_empty_parameters_count_for_nothing(client: ApiClient, history: MemoryHistory) -> None:
    """`limit=&cursor=` is the first page."""
    await put_conversation(history, KEY, 60)
    plain = await client.json(MESSAGES)
    assert await client.json(f"{MESSAGES}?limit=&cursor=&after_seq=") == plain
    assert (await client.get(f"{THREADS}?learner_id={LEARNER}&limit=&cursor=")).status_code == 200


@pytest.mark.parametrize(("path", "query", "field"), [
    (MESSAGES, "after_sec=5", "query"),
    (MESSAGES, "Limit=5", "query"),
    (MESSAGES, "=5", "query"),
    (THREADS, f"learner_id={LEARNER}&after_seq=5", "query"),
    (THREAD, "limit=5", "query"),
    (f"{MESSAGES}/{uid(2, 1)}", "%3Cb%3E=5", "query"),
    (MESSAGES, "limit=5&limit=6", "limit"),
    (MESSAGES, "limit=5&limit=", "limit"),
    (THREADS, f"learner_id={LEARNER}&learner_id={LEARNER}", "learner_id"),
])  # fmt: skip
async def test_no_parameter_is_passed_over(
    client: ApiClient, history: MemoryHistory, path: str, query: str, field: str
) -> None:
    """A misspelt one, one of another path and one that stands twice are 400, after the token and before the thread."""
    await put_conversation(history, KEY, 2)
    response = await client.get(f"{path}?{query}")
    assert (response.status_code, [one["field"] for one in response.json()["errors"]]) == (400, [field])
    assert "<b>" not in response.text
    client.bearer = token(permissions=[])
    assert (await client.get(f"{path}?{query}")).status_code == 403


@pytest.mark.parametrize("number", ["5.0", " 5", "+5", "5_0", "\u0665", "1e1", "0x1", "true", "9" * 40])
async def test_a_number_is_written_in_digits(client: ApiClient, history: MemoryHistory, number: str) -> None:
    """Nothing that only some languages take for a number counts as one."""
    await put_conversation(history, KEY, 2)
    for name in ("limit", "after_seq"):
        assert (await client.get(MESSAGES, **{name: "5"})).status_code == 200
        response = await client.get(MESSAGES, **{name: number})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, name)


@pytest.mark.parametrize("limit", [1, 200])
async def test_limits_are_kept(client: ApiClient, history: MemoryHistory, limit: int) -> None:
    """The smallest and the greatest page are of just that size."""
    await put_conversation(history, KEY, 250)
    assert len((await client.json(MESSAGES, limit=limit))["items"]) == limit


async def test_answers_may_be_kept_by_their_caller_alone(client: ApiClient, history: MemoryHistory) -> None:
    """`Cache-Control: private, no-cache` on what is somebody's own."""
    await put_conversation(history, KEY, 1)
    for path in (THREAD, MESSAGES):
        assert (await client.get(path)).headers["cache-control"] == "private, no-cache"
