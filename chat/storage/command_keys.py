"""The key pairs to which producers seal commands: one is given out, older ones open what was sealed before.

A key that has a successor opens what came into the log until `GRACE` later, whoever reads it and whenever; so that a
replay judges as the first run did. It is destroyed when no such record can be left in a command topic.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from chat.clock import seconds
from chat.errors import KeyStoreUnfit
from chat.privacy.sealed_command import CommandKey, CommandOpener, new_private_key
from chat.settings import Settings
from chat.storage.sealing_keys import KeptKey, KeptKeys, SealingKeys
from chat.topic_specs import DAY, Topic, specs

GRACE = DAY
"""Milliseconds for which producers may go on with a key that has a successor: they ask for it at least as often."""

HELD_SECONDS = 60.0
"""How long a private key is used without another look."""


class Opener(NamedTuple):
    """A key pair as a reader of commands sees it: `key` is None once it is destroyed, `until` the last broker time (ms)
    of a record that it opens, None while it is given out.
    """

    key: CommandOpener | None
    until: int | None


@dataclass(slots=True)
class CommandKeys:
    """The key pairs that this process has opened."""

    keys: SealingKeys
    _held: dict[bytes, Opener] = field(default_factory=dict)
    _until: float = 0.0

    async def find(self, key_ids: Collection[bytes]) -> Mapping[bytes, Opener]:
        """Those of the keys that were ever here. Raises what `SealingKeys` does; may be called again."""
        if seconds() >= self._until or any(one not in self._held for one in key_ids):
            await self._look(key_ids)
        return self._held

    async def _look(self, key_ids: Collection[bytes]) -> None:
        until = seconds() + HELD_SECONDS
        names = {one.hex() for one in (*self._held, *key_ids)}
        known = [one for one in (await self.keys.load()).known if one.name in names]
        self._held = {bytes.fromhex(one.name): await self._opened(one) for one in known}
        self._until = until

    async def _opened(self, kept: KeptKey) -> Opener:
        private = await self.keys.unwrap(kept)
        key = None if private is None else CommandOpener(private)
        return Opener(key, None if kept.retired_at is None else kept.retired_at + GRACE)


async def begin(keys: SealingKeys) -> None:
    """Makes the first key pair, unless there is one. Raises as `SealingKeys` does."""
    if (await keys.load()).current is None:
        await _succeed(keys, None)


async def renew(keys: SealingKeys) -> KeptKeys:
    """Puts a new key pair in the place of the current one; all of them.

    Raises `KeyStoreUnfit` where somebody else does so at the same time, and as `SealingKeys` does.
    """
    before = (await keys.load()).current
    if not await _succeed(keys, None if before is None else before.name):
        raise KeyStoreUnfit("somebody else renews the command key at the same time: ask for the one that they made")
    return await keys.load()


def over(kept: KeptKey, settings: Settings, now: int) -> bool:
    """Whether no record that the key opens can be left in a command topic at `now` (ms)."""
    if kept.retired_at is None:
        return False
    configs = [one.config for one in specs(settings) if one.topic in _TOPICS]
    longest = max(int(one["retention.ms"]) + int(one["segment.ms"]) for one in configs)
    return now > kept.retired_at + GRACE + longest


def public_key(kept: KeptKey) -> CommandKey:
    """What producers seal to."""
    return CommandKey.from_bytes(kept.public)


async def _succeed(keys: SealingKeys, before: str | None) -> bool:
    private, public = new_private_key()
    return await keys.succeed(CommandKey.from_bytes(public).key_id.hex(), private, public, before)


_TOPICS = frozenset({Topic.COMMANDS, Topic.PRIVACY_COMMANDS})
