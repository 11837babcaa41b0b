"""The few HTTP requests that the program makes to its own processes."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

SECONDS = 5.0


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
