"""What is known over time of a JWK Set's keys. Pure: from the same fetches every process comes to the same verdicts.

A command's token is judged at the time when the broker took the command, and whoever reads the command again must judge
as the first run did, whatever became of the keys since. So each key counts for a span of time, either end of which lies
where nobody has judged yet: it begins where the set was last known to lack the key, and ends a while after the set was
first found without it, when every worker knows of that.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol

from jwt import PyJWK

from chat.jwks import public_key

NOTICE_MS = 120_000
"""How long a key that left the set still counts: longer than any worker takes to learn of it."""

COOL_DOWN_MS = 30_000
"""For how long, once a fetch has not brought the key that it was made for, no other key is looked for."""


class Sought(NamedTuple):
    """What a token says of the key that it is signed with."""

    algorithm: str
    kid: str | None


class HeldKey(NamedTuple):
    """A public key (see `chat.jwks.parse`) that counts for `since` < time ≤ `until`, both in ms since 1970.

    `until` is None while the set holds the key.
    """

    jwk: str
    since: int
    until: int | None = None

    def counts(self, at: int) -> bool:
        return self.since < at and (self.until is None or at <= self.until)


@dataclass(frozen=True)
class Keyring:
    """Every key ever seen. Up to the time `settled` (ms) no other key counts; `version` grows by one a fetch."""

    keys: tuple[HeldKey, ...] = ()
    settled: int = 0
    version: int = 0

    def fitting(self, sought: Sought, at: int) -> list[PyJWK]:
        """The keys that a token may be signed with: all of that id, or without one all of that algorithm.

        For one time `at` they only grow in number, and up to `settled` they do not.
        """
        return [key for held, key in self._named.get(sought, ()) if held.counts(at)]

    @cached_property
    def _named(self) -> dict[Sought, list[tuple[HeldKey, PyJWK]]]:
        """Every key under its own id, and under none."""
        named: defaultdict[Sought, list[tuple[HeldKey, PyJWK]]] = defaultdict(list)
        for held in self.keys:
            key = public_key(held.jwk)
            for kid in {key.key_id, None}:
                named[Sought(key.algorithm_name, kid)].append((held, key))
        return dict(named)

    def fetched(self, jwks: Collection[str], now: int) -> "Keyring":
        """The ring after a fetch that began `now` and brought `jwks`."""
        held = [_kept(one, jwks, now) for one in self.keys]
        in_force = {one.jwk for one in held if one.until is None}
        new = [HeldKey(jwk, self.settled) for jwk in jwks if jwk not in in_force]
        return Keyring((*held, *new), max(self.settled, now), self.version + 1)

    def cooled_down(self, now: int) -> "Keyring":
        """The ring after a fetch that did not bring the key that it was made for."""
        return replace(self, settled=max(self.settled, now + COOL_DOWN_MS))


class Keyrings(Protocol):
    """Where a ring is kept. Every method raises `StorageUnavailable`."""

    async def load(self) -> Keyring:
        """The ring as it is now."""
        ...

    async def now(self) -> int:
        """The time, in ms since 1970, by the clock of all who share the ring."""
        ...

    async def swap(self, before: Keyring, after: Keyring) -> bool:
        """Puts `after` in the place of `before`; False where another is there."""
        ...


def _kept(one: HeldKey, jwks: Collection[str], now: int) -> HeldKey:
    """A key that comes back before its end has not been away."""
    if one.until is not None and one.until <= now:
        return one
    if one.jwk in jwks:
        return one._replace(until=None)
    return one if one.until is not None else one._replace(until=now + NOTICE_MS)
