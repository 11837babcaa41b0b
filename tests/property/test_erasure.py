"""Whatever comes in whatever order: of ended lives nothing can be read, and of all others everything."""

import asyncio
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

import schemas
from chat.domain.model import Learner, LearnerId
from chat.domain.privacy import Kind, State
from chat.errors import BundleGone
from chat.privacy.export.download import Download
from tests.bundles import LocalWrap, lines, members, unjudged
from tests.erasing_service import CONTROL, ERASED, Service, no_pauses
from tests.records import SUBJECTS, uid

DOINGS = st.lists(
    st.sampled_from(
        ["post"] * 4 + ["post to the other", "export of the other", "replay"] + ["erase", "enrol", "export", "run"] * 2
    ),
    min_size=6,
    max_size=20,
)


class Story:
    """What was done, and whose words were taken in which life."""

    def __init__(self) -> None:
        self.service = Service()
        self.words: dict[str, LearnerId] = {}
        self._number = 0
        self._asks = {
            "erase": ("DeleteLearnerData", ERASED),
            "enrol": ("EnrolLearner", ERASED),
            "export": ("ExportLearnerData", ERASED),
            "export of the other": ("ExportLearnerData", CONTROL),
        }

    async def tell(self, doings: list[str]) -> None:
        """Does them, one after the other. What is asked for may be refused; it is run later, side by side."""
        for doing in doings:
            self._number += 1
            await self._do(doing)

    async def _do(self, doing: str) -> None:
        if doing in self._asks:
            record_type, learner = self._asks[doing]
            await self.service.ask(record_type, self._number, learner)
        elif doing == "run":
            await self.service.run_requests()
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
        if self.service.life(learner).alive:
            self.words[word] = self.service.life(learner).of(learner)

    def living_words(self, *learners: Learner) -> set[str]:
        """What must be there: words of lives that go on."""
        lives = [(self.service.life(one), one) for one in learners or (ERASED, CONTROL)]
        living = {life.of(one) for life, one in lives if life.alive}
        return {word for word, life in self.words.items() if life in living}

    def stored(self) -> set[str]:
        """The words in the tables."""
        return {one.value.content or "" for one in self.service.world.store.messages.values()}

    def said(self) -> set[str]:
        """The words that compaction leaves on the events."""
        last = {one.key: one.value for one in self.service.world.publisher.records("chat.events")}
        events = [schemas.decode(value) for value in last.values() if value is not None]
        return {one.fields["data"]["content"] for one in events if one.type == "CHAT_MESSAGE_CREATED"}

    async def exported(self) -> dict[str, set[str]]:
        """The words of each bundle that can be fetched, by its request's id."""
        found = {}
        for key in self.service.desk.kept.kept:
            with suppress(BundleGone):
                download = await Download.open(self.service.bundles, LocalWrap(), *key)
                files = members(b"".join([piece async for piece in download.stream(unjudged)]))
                found[key.request_id] = {one["content"] for one in lines(files, "messages")}
        return found

    def completed(self) -> dict[str, Learner]:
        """The exports that were completed, and whose they are."""
        subjects = {SUBJECTS.of(one): one for one in (ERASED, CONTROL)}
        kept = self.service.desk.kept.kept.values()
        done = [one for one in kept if one.kind is Kind.EXPORT and one.state is State.COMPLETED]
        return {one.key.request_id: subjects[one.subject] for one in done}


async def told(doings: list[str]) -> tuple[Story, dict[str, set[str]]]:
    """The story at its end, and what its bundles hold."""
    story = Story()
    await story.tell([*doings, "run", "replay"])
    return story, await story.exported()


@settings(max_examples=60, deadline=None)
@given(DOINGS)
@example(["post", "post to the other", "export", "export of the other", "run", "erase"])
@example(["post", "export", "erase", "run", "enrol", "run", "post", "export", "run", "erase"])
def test_any_order_leaves_what_lives_and_nothing_else(doings: list[str]) -> None:
    """Posts, erasures, enrolments, exports and the whole log read again by a fresh owner; and again at the end."""
    with no_pauses():
        story, exported = asyncio.run(told(doings))
    assert story.stored() == story.living_words()
    assert story.said() == story.living_words()
    assert story.service.desk.failures == []
    for request_id, words in exported.items():
        assert words <= story.living_words(story.completed()[request_id])
    assert {one for one, whose in story.completed().items() if whose == CONTROL} <= exported.keys()
    assert story.service.desk.kept.open == {}
