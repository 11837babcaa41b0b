"""A worker that sleeps, and is no member of its group any more when it wakes."""

from dataclasses import dataclass

from streams.lease import Lease


class Replaced(Exception):
    """The worker has a successor."""


@dataclass
class Machine:
    """Whose clock goes on while it sleeps; the group gives its worker up then."""

    now: float = 0.0
    awake: bool = True

    async def heartbeat(self) -> bool:
        return self.awake

    async def membership(self) -> bool:
        """Its heartbeat, where that it is none any more ends the trial."""
        if not self.awake:
            raise Replaced
        return True

    def lease(self) -> Lease:
        return Lease(self.heartbeat, lambda: self.now)
