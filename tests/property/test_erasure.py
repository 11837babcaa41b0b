"""Whatever comes in whatever order: of ended lives nothing can be read, and of all others everything."""

import asyncio
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from chat.domain.model import FIRST_LIFE, Learner, LearnerId
from chat.storage import learner_keys
from streams import erasure
from tests.erasing_service import CONTROL, ERASED, Service
from tests.records import SUBJECTS, uid

DOINGS = st.lists(
    st.sampled_from(["post"] * 4 + ["post to the other"] + ["erase", "enrol"] * 2 + ["replay"]), max_size=14
)


class Story:
    """What was done, and whose words were taken in which life."""

    def __init__(self) -> None:
        self.service = Service()
        self.words: dict[str, LearnerId] = {}
        self._number = 0

    async def tell(self, doings: list[str]) -> None:
        """Does them, one after the other; what is asked for may be refused."""
        for doing in doings:
            self._number += 1
            await self._do(doing)

    async def _do(self, doing: str) -> None:
        if doing in {"erase", "enrol"}:
            await self.service.ask("DeleteLearnerData" if doing == "erase" else "EnrolLearner", self._number)
            await self.service.beside(self.service.desk.run())
        elif doing == "replay":
            await self.service.world.go(self.service.log.records)
        else:
            await self._post(ERASED if doing == "post" else CONTROL)

    async def _post(self, learner: Learner) -> None:
        thread = {"thread_id": uid(1, self._number), **learner._asdict()}
        word, log = f"word {self._number}", self.service.log
        log.send("CreateThread", command_id=uid(3, 2 * self._number), title="t", **thread)
        new = {"message_id": uid(2, self._number), "content": word}
        log.send("PostMessage", command_id=uid(3, 2 * self._number + 1), **new, **thread)
        await self.service.pump()
        if self.life(learner) is not None:
            self.words[word] = self.life(learner) or FIRST_LIFE.of(learner)

    def life(self, learner: Learner) -> LearnerId | None:
        """The life that goes on, if any."""
        kept = self.service.world.lives.kept.get(SUBJECTS.of(learner))
        life = kept.life if kept else FIRST_LIFE
        return life.of(learner) if life.alive else None

    def living_words(self) -> set[str]:
        """What must be there: words of lives that go on."""
        living = {self.life(ERASED), self.life(CONTROL)}
        return {word for word, life in self.words.items() if life in living}

    def stored(self) -> set[str]:
        """The words in the tables."""
        return {one.value.content or "" for one in self.service.world.store.messages.values()}

    def said(self) -> set[str]:
        """The words that compaction leaves on the events."""
        last = {one.key: one.value for one in self.service.world.publisher.records("chat.events")}
        events = [schemas.decode(value) for value in last.values() if value is not None]
        return {one.fields["data"]["content"] for one in events if one.type == "CHAT_MESSAGE_CREATED"}


@settings(max_examples=60, deadline=None)
@given(DOINGS)
def test_any_order_leaves_what_lives_and_nothing_else(doings: list[str]) -> None:
    """Posts, erasures, enrolments and the whole log read again by a fresh owner; the log once more at the end."""
    story = Story()
    with patch.object(learner_keys, "KEPT_SECONDS", 0.0), patch.object(erasure, "PAUSE", 0.0):
        asyncio.run(story.tell([*doings, "replay"]))
    assert story.stored() == story.living_words()
    assert story.said() == story.living_words()
    assert story.service.desk.failures == []
