"""A worker whose keys of tokens come and go in seconds. Run it: `python -m tests.hasty_keys`."""

import sys

from chat import keyring, token_keys
from chat.settings import load
from streams.run import run

PROGRAM = ("tests.hasty_keys",)

if __name__ == "__main__":
    token_keys.REFRESH_SECONDS = 0.5
    keyring.NOTICE_MS = 3_000
    sys.exit(run(load()))
