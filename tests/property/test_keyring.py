"""Whatever becomes of the keys, a command that is read again is judged as it was the first time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import jwt
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jwt import PyJWK

from chat.jwks import parse
from chat.keyring import COOL_DOWN_MS, NOTICE_MS, Keyring, Sought
from chat.token_keys import REFRESH_SECONDS, JwksKeys, OwnKeyring
from tests.records import NOW
from tests.signing import Signer, jwk_set

KIDS = {"a": "a", "another a": "a", "b": "b", "nameless": None}
"""Keys, and the id under which each is in the set: two have the same, and one has none."""

WORKERS = 2
LATE_MS = 3_000
"""How long a command lies on Kafka at most before a worker judges it."""


@cache
def signer_of(key: str) -> Signer:
    return Signer.new(KIDS.get(key, key))


@cache
def text_of(key: str) -> str:
    """A key, as a fetch brings it."""
    return parse(jwk_set([signer_of(key)]))[0]


@cache
def signature_of(key: str) -> str:
    return jwt.encode({}, signer_of(key).private, algorithm="EdDSA")


@cache
def opens(token: str, key: PyJWK) -> bool:
    try:
        jwt.PyJWS(["EdDSA"]).decode_complete(token, key)
    except jwt.InvalidSignatureError:
        return False
    return True


class SharedRing(OwnKeyring):
    """A ring that several workers share, as in Cassandra."""

    async def swap(self, before: Keyring, after: Keyring) -> bool:
        return before.version == self._ring.version and await super().swap(before, after)


class Verdict(NamedTuple):
    """What was said of a command's key."""

    sought: Sought
    at: int
    token: str
    good: bool


@dataclass
class World:
    """A key server, and workers that share a ring; every worker learns of the set at least every minute."""

    now: int = NOW
    served: dict[str, int] = field(default_factory=lambda: {"a": NOW})
    removed: dict[str, int] = field(default_factory=dict)
    ring: SharedRing = field(default_factory=SharedRing)
    fetches: list[int] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ring.now = self.time  # type: ignore[method-assign]
        self.workers = [JwksKeys(self.fetch, self.ring) for _ in range(WORKERS)]
        self.refreshed = [self.now - 30_000 * number for number in range(WORKERS)]

    async def time(self) -> int:
        return self.now

    async def fetch(self) -> list[str]:
        self.fetches.append(self.now)
        return [text_of(key) for key in self.served]

    async def go_on(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1_000
            for number, worker in enumerate(self.workers):
                if self.now - self.refreshed[number] >= REFRESH_SECONDS * 1_000:
                    await worker._refresh()
                    self.refreshed[number] = self.now

    def toggle(self, key: str) -> None:
        if key in self.served and len(self.served) > 1:
            del self.served[key]
            self.removed[key] = self.now
        else:
            self.served.setdefault(key, self.now)

    async def judge(self, worker: int, key: str, late: int, *, named: bool) -> None:
        """As `TokenVerifier` does: who knows no key that opens a token asks, unless no other will ever count."""
        keys, token = self.workers[worker], signature_of(key)
        sought, at = Sought("EdDSA", KIDS.get(key, key) if named else None), self.now - late

        def good_for(known: Sequence[Any]) -> bool:
            return any(opens(token, one) for one in known)

        if not (good_for(keys.find(sought, at)) or keys.is_settled(at)):
            await keys.settle(sought, at, good_for)
        good = good_for(keys.find(sought, at))
        assert good or keys.is_settled(at)
        self.verdicts.append(Verdict(sought, at, token, good))
        held_since = self.served.get(key)
        if held_since is not None and held_since < at - COOL_DOWN_MS:
            assert good, "a key that has been in the set for longer than a cool-down counts"
        if held_since is None and self.removed.get(key, 0) < at - NOTICE_MS - REFRESH_SECONDS * 1_000:
            assert not good, "a key that left the set long ago does not"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("go_on"), st.sampled_from((1, 2, 5, 33, 70, 130))),
        st.tuples(st.just("toggle"), st.sampled_from(list(KIDS))),
        st.tuples(
            st.just("judge"),
            st.integers(0, WORKERS - 1),
            st.sampled_from((*KIDS, "nobody's")),
            st.integers(0, LATE_MS),
            st.integers(0, 1),
        ),
    ),
    min_size=150,  # a verdict that changes takes several steps in a row
    max_size=200,
)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink these takes minutes
@given(STEPS)
def test_every_run_judges_as_the_first_one_did(steps: list[tuple[str, int]]) -> None:
    """Keys that come and go, and two workers that learn of it at different times, change no verdict afterwards."""
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int]]) -> None:
    world = World()
    for name, *given_of in steps:
        arguments: list[Any] = list(given_of)
        done = (
            world.judge(*arguments[:3], named=bool(arguments[3]))
            if name == "judge"
            else getattr(world, name)(*arguments)
        )
        if done is not None:
            await done
    await world.go_on(2 * int(REFRESH_SECONDS))
    ring = await world.ring.load()
    again = [any(opens(one.token, key) for key in ring.fitting(one.sought, one.at)) for one in world.verdicts]
    assert again == [one.good for one in world.verdicts]
