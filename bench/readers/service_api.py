"""The service's own API, one process, as `chat api` runs it; every guarantee on, the limit of requests off."""

import sys

from api.processes import run
from chat.settings import load

if __name__ == "__main__":
    sys.exit(run(load()))
