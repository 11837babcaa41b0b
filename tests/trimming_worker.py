"""A worker that looks at its logs all the time, and has a short memory. Run it: `python -m tests.trimming_worker`."""

import sys

from chat.privacy import bounds
from chat.settings import load
from chat.storage import learner_keys
from streams.run import run

PROGRAM = "tests.trimming_worker"
LOOK = 1_000

if __name__ == "__main__":
    bounds.LOOK = LOOK
    learner_keys.KEPT_SECONDS = 1.0
    sys.exit(run(load()))
