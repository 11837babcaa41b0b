"""A producer and a reader that know the contract's page and nothing of this project's code."""

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition


@dataclass
class ContractClient:
    """Sends commands as JSON with a plain librdkafka producer; reads history over HTTP."""

    bootstrap: str
    secret: str
    producer: Producer = field(init=False)

    def __post_init__(self) -> None:
        self.producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
            }
        )

    def token(self, tenant: str, **claims: Any) -> str:
        """A teacher's token of all of a tenant's learners, good for an hour."""
        base = {"user_id": "teacher-1", "tenant_id": tenant, "learner_scope": ["*"], "role": "teacher"}
        return jwt.encode({**base, "exp": int(time.time()) + 3600, **claims}, self.secret, algorithm="HS256")

    def send(self, command: dict[str, Any], token: str, topic: str = "chat.commands") -> None:
        """Puts one command on its learner's partition, by the partitioner."""
        self.producer.produce(
            topic,
            key=f"{command['tenant_id']}/{command['learner_id']}",
            value=json.dumps(command),
            headers=[("authorization", f"Bearer {token}")],
        )
        self.producer.poll(0)

    def flush(self) -> None:
        """Returns when the broker has everything."""
        assert self.producer.flush(60) == 0

    def records(self, topic: str) -> Iterator[Any]:
        """Every record that is on a topic now."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": str(uuid.uuid4())})
        try:
            partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in partitions}
            consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p, end in ends.items() if end])
            yield from _until_ends(consumer, {p: end for p, end in ends.items() if end})
        finally:
            consumer.close()


def _until_ends(consumer: Consumer, ends: dict[int, int]) -> Iterator[Any]:
    while ends:
        record = consumer.poll(30)
        assert record is not None, "the topic's records did not come"
        assert record.error() is None
        yield record
        if record.offset() + 1 >= ends[record.partition()]:
            del ends[record.partition()]


def create_thread(tenant: str, learner: str, thread_id: str) -> dict[str, Any]:
    """A command of the contract."""
    ids = {"command_id": str(uuid.uuid4()), "tenant_id": tenant, "learner_id": learner, "thread_id": thread_id}
    return {"type": "CreateThread", **ids, "title": f"Thread of {learner}"}


def post_message(tenant: str, learner: str, thread_id: str, content: str) -> dict[str, Any]:
    """A command of the contract."""
    ids = {"command_id": str(uuid.uuid4()), "tenant_id": tenant, "learner_id": learner, "thread_id": thread_id}
    return {"type": "PostMessage", **ids, "message_id": str(uuid.uuid4()), "content": content}


def history(base_url: str, token: str, thread_id: str) -> Iterable[dict[str, Any]]:
    """A thread's messages, oldest first, page by page."""
    with httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        params: dict[str, Any] = {"after_seq": 0, "limit": 7}
        while True:
            answer = client.get(f"/api/v1/threads/{thread_id}/messages", params=params)
            assert answer.status_code == httpx.codes.OK, answer.text
            page = answer.json()
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            params = {"cursor": page["next_cursor"], "limit": 7}
