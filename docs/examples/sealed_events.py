"""A consumer that may read: prints what each event of `chat.events` says, though it is sealed (`EVENT_CONTENT=sealed`).

It takes the service's own settings: KAFKA_BOOTSTRAP_SERVERS, CASSANDRA_CONTACT_POINTS, KEK_FOLDER and so on.

    python docs/examples/sealed_events.py [EVENTS]
"""

import asyncio
import sys

import orjson
from confluent_kafka import Consumer

from chat.kafka import librdkafka
from chat.sdk.sealed_events import SealedEvents
from chat.settings import load


async def main(wanted: int) -> None:
    """Prints the type and words of so many events, a JSON line each; `null` for words of somebody who was erased."""
    settings = load()
    consumer = Consumer(librdkafka(settings) | {"group.id": "sealed-events-example", "auto.offset.reset": "earliest"})
    consumer.subscribe(["chat.events"])
    async with SealedEvents(settings) as events:
        while wanted:
            message = await asyncio.to_thread(consumer.poll, 1.0)
            if message is None or message.error() or message.value() is None:
                continue  # nothing yet, or a tombstone
            event = await events.open(message.value(), message.headers())
            line = None if event is None else [event.type, event.fields["data"]]
            sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            sys.stdout.flush()
            wanted -= 1
    consumer.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else -1))
