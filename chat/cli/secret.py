"""The secret that `chat up` makes for itself, in a file that every subcommand's settings read."""

import os
import secrets
from pathlib import Path

from chat.settings import MADE_UP_SECRET, Environment, load

FILE = Path(".chat/env")
"""Under the working directory, wherever the data are: `chat.settings` looks there."""

OWNER_ONLY = 0o600


def ensure_secret(file: Path = FILE) -> None:
    """Makes JWT_SECRET_KEY where tokens could not be verified without; never in production. Raises `BadSetting`."""
    settings = load()
    if settings.jwt_secret_key or settings.jwt_jwks_url or settings.environment is Environment.PRODUCTION:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY)
    with os.fdopen(descriptor, "a", encoding="utf-8") as env:
        os.fchmod(descriptor, OWNER_ONLY)
        env.write(f"JWT_SECRET_KEY={MADE_UP_SECRET}{secrets.token_urlsafe(32)}\n")
