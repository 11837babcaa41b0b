"""The service's worker with little under way: one lane, whose trips take `RECORDS` at most. See `bench.workers`."""

import sys
from unittest.mock import patch

from chat.settings import load
from streams.run import run

RECORDS = 20
"""Of a trip. As shipped there are two lanes and trips of 500: then a core is the limit, however far Cassandra is."""

if __name__ == "__main__":
    with (
        patch("streams.lanes.LANES", 1),
        patch("streams.lane.TRIP", RECORDS),
        patch("streams.chunk.MAX_RECORDS", RECORDS),
        patch("streams.consumer.MAX_UNDER_WAY", 2 * RECORDS),
    ):
        sys.exit(run(load()))
