"""Brokers that are away are asked for metadata a few times a second, not as often as they can refuse.

aiokafka asks again at once, whoever waits for it: a port that refuses is tried, and two lines are logged, up to a
thousand times a second, for as long as no broker is there.
"""

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient

PAUSE = 0.25
"""Seconds from a question that no broker answered to the next."""


def pace(client: AIOKafkaClient) -> None:
    """From now on this client waits after each question for metadata that no broker answered."""
    ask = client._metadata_update  # noqa: SLF001 - aiokafka has no other door

    async def asked(cluster: Any, topics: Any) -> bool:
        answered = bool(await ask(cluster, topics))
        if not answered:
            await asyncio.sleep(PAUSE)
        return answered

    client._metadata_update = asked  # noqa: SLF001 - as above
