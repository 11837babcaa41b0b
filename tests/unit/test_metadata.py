"""How often brokers that are away are asked for metadata."""

import time

from aiokafka.client import AIOKafkaClient

from streams.metadata import PAUSE, pace

QUESTIONS = 3


async def seconds_for_questions(client: AIOKafkaClient) -> float:
    """Until so many questions had no answer, each asked as soon as the one before had none."""
    began = time.monotonic()
    for _ in range(QUESTIONS):
        assert not await client._metadata_update(client.cluster, [])
    return time.monotonic() - began


async def test_brokers_that_do_not_answer_are_asked_a_few_times_a_second() -> None:
    """And without that as often as they can refuse. No broker is known here, so none can answer."""
    hasty, paced = AIOKafkaClient(bootstrap_servers="127.0.0.1:9"), AIOKafkaClient(bootstrap_servers="127.0.0.1:9")
    pace(paced)
    assert await seconds_for_questions(paced) >= QUESTIONS * PAUSE
    assert min([await seconds_for_questions(hasty) for _ in range(5)]) < PAUSE
