"""A small client: commands to Kafka, what became of them, and what happened.

    from chat.sdk import Producer

    with Producer(token=jwt) as chat:
        sent = chat.send({"type": "PostMessage", "tenant_id": "t-1", "learner_id": "l-1", "thread_id": thread_id,
                          "content": "Hello"})
        print(sent.outcome(timeout=30))

`AsyncProducer` is the same for asyncio: `sent = await chat.send({...})`, `await sent.outcome()`. To send the same
command again, with the same `command_id`, is always safe; `deliver` does so by itself. With
`seal_to=CommandKey.from_jwk(...)` commands are sealed before they leave: see `docs/sealed-commands.md`.
`EventConsumer` and `AsyncEventConsumer` read what happened, `chat.sdk.live` follows a thread by the API: see
`docs/sdk.md`.
"""

from chat.privacy.sealed_command import CommandKey
from chat.sdk.async_consumer import AsyncEventConsumer
from chat.sdk.async_producer import AsyncProducer, AsyncSent
from chat.sdk.change import Change, Entity, Event, Forgotten
from chat.sdk.consumer import EventConsumer
from chat.sdk.outcome import Outcome, OutcomeKind
from chat.sdk.producer import Producer, Sent

__all__ = [
    "AsyncEventConsumer",
    "AsyncProducer",
    "AsyncSent",
    "Change",
    "CommandKey",
    "Entity",
    "Event",
    "EventConsumer",
    "Forgotten",
    "Outcome",
    "OutcomeKind",
    "Producer",
    "Sent",
]
