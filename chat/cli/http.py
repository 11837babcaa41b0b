"""The few HTTP requests that the program makes to its own processes."""

import http.client
import json
import shutil
from typing import IO, Any
from urllib.parse import urlsplit

SECONDS = 5.0
DOWNLOAD_SECONDS = 60.0
"""How long a download may stand still."""


def get(address: str, path: str, token: str = "") -> tuple[int, Any]:
    """Status and JSON of one GET; status 0 where nobody answers."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return 0, None
    finally:
        connection.close()


def download(address: str, path: str, token: str, file: IO[bytes]) -> int:
    """Status of one GET whose body goes into `file`, bit by bit; 0 where nobody answers or less came than was told."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=DOWNLOAD_SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        told = response.length
        shutil.copyfileobj(response, file)
        return response.status if told is None or file.tell() == told else 0
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
