"""The keys of days under which dead letters are sealed.

A letter's day is that of its record's broker time, which is the letter's own time too: so a record that is read again
makes the same letter, and when a day's key is destroyed, the last letter of the day has outlived its retention.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chat.clock import seconds
from chat.privacy.envelope import new_key
from chat.privacy.sealed_letter import LetterKey
from chat.settings import Settings
from chat.storage.sealing_keys import KeptKey, SealingKeys
from chat.topic_specs import Topic, specs

HELD_SECONDS = 60.0


def day_of(timestamp: int) -> str:
    """The UTC day of a time in milliseconds."""
    return datetime.fromtimestamp(timestamp / 1000, UTC).date().isoformat()


def kept_until(day: str, settings: Settings) -> int:
    """When a day's key is to be destroyed, in milliseconds."""
    (retention,) = (one.config["retention.ms"] for one in specs(settings) if one.topic == Topic.DEAD_LETTER)
    end = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    return int(end.timestamp() * 1000) + int(retention)


@dataclass(slots=True)
class LetterKeys:
    """The keys of days that this process has opened. Raises as `SealingKeys` does; then it may be called again."""

    keys: SealingKeys
    settings: Settings
    _held: dict[str, tuple[LetterKey | None, float]] = field(default_factory=dict)

    async def sealing(self, day: str) -> LetterKey | None:
        """The day's key, made where it is not there; None where it was destroyed, or would be by now."""
        found = await self.opening(day)
        if found is None and time.time() * 1000 < kept_until(day, self.settings):
            await self.keys.add(day, new_key())
            self._held.pop(day, None)
            found = await self.opening(day)
        return found

    async def opening(self, day: str) -> LetterKey | None:
        """The day's key; None where there is none, or none any more."""
        key, until = self._held.get(day, (None, 0.0))
        if seconds() >= until:
            until = seconds() + HELD_SECONDS
            key = await self._look(day)
            self._held = {name: one for name, one in self._held.items() if seconds() < one[1]}
            self._held[day] = key, until
        return key

    async def _look(self, day: str) -> LetterKey | None:
        kept = (await self.keys.load()).named(day)
        key = None if kept is None else await self.keys.unwrap(kept)
        return None if key is None else LetterKey(key, day)


def over(kept: KeptKey, settings: Settings, now: int) -> bool:
    """Whether a day's key is to be destroyed at `now` (ms)."""
    return now > kept_until(kept.name, settings)
