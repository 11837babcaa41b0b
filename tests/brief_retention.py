"""A worker that keeps the messages of some tenants for seconds, and looks for empty threads without rest.

Run it: `python -m tests.brief_retention`.
"""

import sys

from chat.settings import Settings
from streams import expire
from streams.run import run

PROGRAM = ("tests.brief_retention",)
BRIEF = "tenant-brief"
SECONDS = 10


class BriefSettings(Settings):
    """Settings count in days; one tenant's messages live for `SECONDS` seconds."""

    def retention_seconds(self, tenant_id: str) -> int:
        return SECONDS if tenant_id == BRIEF else super().retention_seconds(tenant_id)


if __name__ == "__main__":
    expire.INTERVAL = 0.2
    expire.SLICES = 2
    sys.exit(run(BriefSettings()))  # type: ignore[call-arg]  # they come from the environment
