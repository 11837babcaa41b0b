"""The service's own worker, as `chat worker` runs it."""

import sys

from chat.settings import load
from streams.run import run

if __name__ == "__main__":
    sys.exit(run(load()))
