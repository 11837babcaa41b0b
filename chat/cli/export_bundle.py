"""What `chat privacy export` does once its command has taken effect: waits for the bundle, and fetches it."""

import asyncio
import os
import secrets
import time
from http import HTTPStatus
from pathlib import Path

from chat.cli.house import address
from chat.cli.http import download
from chat.domain.privacy import Request, RequestKey
from chat.errors import BundleGone, BundleStoreUnavailable, OutcomeTimeout
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.cassandra_privacy import CassandraRequests
from chat.storage.session import Connection

PAUSE_SECONDS = 0.5
OWNER_ONLY = 0o600
REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


async def until_ended(settings: Settings, key: RequestKey, seconds: float) -> Request:
    """The request once it has come to its end. Raises `OutcomeTimeout`, and what reaching Cassandra does."""
    deadline = time.monotonic() + seconds
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        requests = await CassandraRequests.open(connection)
        while (found := await requests.request(key)) is None or not found.is_final:
            if time.monotonic() > deadline:
                state = found.state if found else "not there"
                raise OutcomeTimeout(f"request {key.request_id} is {state} after {seconds:g} s; it goes on")
            await asyncio.sleep(PAUSE_SECONDS)
        return found
    finally:
        await connection.close()


def fetch(settings: Settings, request_id: str, token: str, target: Path) -> None:
    """Writes a finished bundle into a file that its owner alone may read: whole, or not at all.

    Raises `BundleGone` where the API shows no such bundle to this token, and `BundleStoreUnavailable` where the API or
    what it reads does not give all of it.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            path = f"/api/v1/privacy/exports/{request_id}"
            status = download(address(settings.api_host, settings.api_port), path, token, file)
        _require_good(status)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _require_good(status: int) -> None:
    if status in REFUSED:
        raise BundleGone(f"the API shows this token no such bundle (status {status})")
    if status != HTTPStatus.OK:
        raise BundleStoreUnavailable(f"the API did not give the whole bundle (status {status})")
