"""Records as a few schools' software would send them: good ones, repeated ones, and every kind of wrong one."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from tests.oracle import good, wrong
from tests.oracle.asked import ask, round_of
from tests.oracle.hand import Hand
from tests.oracle.intents import Intent

WEIGHTS: Mapping[Callable[[Hand], Intent], int] = {
    good.post: 50,
    good.reply: 12,
    good.create: 5,
    good.edit: 14,
    good.delete: 8,
    good.moderate: 1,
    good.mark: 10,
    good.update: 5,
    good.delete_thread: 2,
    good.again: 8,
    wrong.reused_command: 2,
    wrong.reused_command_of_another_type: 1,
    wrong.reused_message: 2,
    wrong.reused_thread: 2,
    wrong.bad_token: 2,
    wrong.expired: 2,
    wrong.short_lived: 2,
    wrong.out_of_scope: 2,
    wrong.wrong_tenant: 2,
    wrong.wrong_key: 2,
    wrong.wrong_partition: 2,
    wrong.missing_thread: 2,
    wrong.missing_message: 2,
    wrong.missing_reply: 1,
    wrong.forbidden: 2,
    wrong.forbidden_change: 1,
    wrong.invalid: 2,
    wrong.invalid_mark: 1,
    wrong.junk: 3,
}


class Generator:
    """An endless source of intents, the same for the same seed."""

    def __init__(self, seed: int, tenants: int = 3, learners: int = 5, now: float | None = None) -> None:
        self._hand = Hand(seed, tenants, learners, time.time() if now is None else now)
        self._erased: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[Intent]:
        return self

    def __next__(self) -> Intent:
        """Each learner has a thread first, then there is a message; then whatever comes."""
        hand = self._hand
        if len(hand.sent) < len(hand.learners):
            return hand.remember(good.create(hand, hand.learners[len(hand.sent)]))
        if len(hand.sent) == len(hand.learners):
            return hand.remember(good.post(hand))
        action = hand.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        return hand.remember(action(hand))

    def take(self, count: int) -> list[Intent]:
        """The next intents."""
        return [next(self) for _ in range(count)]

    def ask(self) -> list[Intent]:
        """Privacy requests that race each other; whoever was to be erased before is to be enrolled."""
        erased, other = self._hand.random.sample(self._hand.learners, 2)
        enrolments = [ask(self._hand, "EnrolLearner", one) for one in self._erased if one != erased]
        self._erased = list(dict.fromkeys([*self._erased, erased]))
        return [*enrolments, *round_of(self._hand, erased, other)]

    def again(self, intents: Iterable[Intent]) -> list[Intent]:
        """The same records once more."""
        return [dataclasses.replace(one, number=self._hand.next_number()) for one in intents]
