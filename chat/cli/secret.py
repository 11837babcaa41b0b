"""What `chat up` decides for itself, in a file that every subcommand's settings read."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import set_key

from chat.settings import MADE_UP_SECRET, Environment, load

FILE = Path(".chat/env")
"""Under the working directory, wherever the data are: `chat.settings` looks there."""

OWNER_ONLY = 0o600


def ensure_secret(file: Path = FILE) -> None:
    """Makes JWT_SECRET_KEY where tokens could not be verified without; never in production. Raises `BadSetting`."""
    settings = load()
    if settings.jwt_secret_key or settings.jwt_jwks_url or settings.environment is Environment.PRODUCTION:
        return
    keep({"JWT_SECRET_KEY": MADE_UP_SECRET + secrets.token_urlsafe(32)}, file)


def keep(variables: Mapping[str, str], file: Path = FILE) -> None:
    """Writes variables there, over what they were. Raises `OSError`."""
    if not variables:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(OWNER_ONLY)
    file.chmod(OWNER_ONLY)
    for name, value in variables.items():
        set_key(file, name, value)
