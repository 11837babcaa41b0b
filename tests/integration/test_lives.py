"""Lives of learners in a real Cassandra, read many at a time."""

import random
import uuid

import pytest

from chat.domain.model import FIRST_LIFE, Life
from chat.storage.lives import TOGETHER, KeptLife, LifeKey, Lives, WrappedKey
from chat.storage.session import Connection


@pytest.fixture
async def lives(connection: Connection) -> Lives:
    return await Lives.open(connection)


async def _subject(lives: Lives, number: int) -> tuple[bytes, KeptLife | None]:
    """One of whom nothing is kept, who writes, who was erased, or who came back, and what is to be read of them."""
    subject, key = uuid.uuid4().bytes, WrappedKey(1, "epoch-1", str(number).encode())
    if number % 4 == 0:
        return subject, None
    await lives.begin(subject, FIRST_LIFE, key)
    if number % 4 == 1:
        return subject, KeptLife(FIRST_LIFE, key)
    await lives.end(subject, FIRST_LIFE.generation)
    if number % 4 == 2:
        await lives.fence(subject, FIRST_LIFE.generation, 77)
        return subject, KeptLife(FIRST_LIFE._replace(alive=False), None, 77)
    second = Life(FIRST_LIFE.generation + 1, alive=True, since=88)
    await lives.begin(subject, second, None)
    await lives.set_key(LifeKey(subject, second.generation), key, None)
    return subject, KeptLife(second, key)


@pytest.mark.parametrize("count", [0, 1, 2, TOGETHER, 2 * TOGETHER + 1])
async def test_each_gets_the_latest_life_of_its_own(lives: Lives, count: int) -> None:
    """However many are asked for, in their order, also who is asked for twice."""
    kept = [await _subject(lives, number) for number in range(count)]
    random.Random(count).shuffle(kept)
    twice = [*kept, *kept[:1]]
    assert await lives.read([subject for subject, _ in twice]) == [life for _, life in twice]


async def test_an_end_counts_at_once(lives: Lives) -> None:
    """Who asks for a life alone is told how it is now, and of whom nothing is kept, that the first goes on."""
    subject = uuid.uuid4().bytes
    assert await lives.life_of(subject) == FIRST_LIFE
    await lives.begin(subject, FIRST_LIFE, None)
    assert await lives.life_of(subject) == FIRST_LIFE
    await lives.end(subject, FIRST_LIFE.generation)
    assert await lives.life_of(subject) == FIRST_LIFE._replace(alive=False)
