"""Reading events whose content is sealed (`EVENT_CONTENT=sealed`), for a consumer that may.

It needs what the service itself needs: Cassandra, for the wrapped keys, and `KEK_FOLDER`, to unwrap them.

    async with SealedEvents() as events:
        while running:
            message = consumer.poll(1.0)
            event = await events.open(message.value(), message.headers())
            if event is None:
                continue  # the learner was erased
            index(event.fields["data"]["content"])
"""

from types import TracebackType
from typing import Self

import schemas
from chat.domain.model import LearnerId
from chat.privacy.event_content import HEADER, open_event
from chat.sdk.change import Headers
from chat.settings import Settings, load
from chat.storage.learner_keys import LearnerKeys
from chat.storage.session import Connection


class SealedEvents:
    """Opens events; a context manager. Without `settings` it takes the process's own.

    Entering raises `StorageUnavailable`, `SchemaMismatch` and `KeyStoreUnfit`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or load()

    async def __aenter__(self) -> Self:
        self._connection = await Connection.open(self._settings)
        try:
            self._keys = await LearnerKeys.open(self._connection, self._settings, writes=False)
        except BaseException:
            await self._connection.close()
            raise
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def open(self, value: bytes, headers: Headers | None) -> schemas.Record | None:
        """The event of a record of `chat.events` with its words, sealed or not; None where the learner was erased.

        A key is looked up once a minute and learner. Raises `schemas.CodecError` for what is no event, `CellDamaged`
        for one that was tampered with, and `StorageUnavailable` or `KeyStoreUnavailable`; then it may be called again.
        """
        event, generation = schemas.decode(value, headers=headers or ()), dict(headers or ()).get(HEADER)
        if generation is None:
            return event
        learner = LearnerId(event.fields["tenant_id"], event.fields["learner_id"], int(generation))
        held = (await self._keys.find([learner.learner]))[learner.learner]
        if not held.life.is_of(learner):
            return None
        return event._replace(fields=open_event(event.fields, held.cells.open))
