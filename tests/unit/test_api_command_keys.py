"""The public key to which producers seal, over HTTP."""

import pytest

from api import examples
from chat.privacy.sealed_command import CommandKey
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import client_of, make_app
from tests.records import token

PATH = "/api/v1/privacy/command-keys"
(SHOWN,) = examples.ANSWERS["CommandKeys", 200].values()
KEY = CommandKey.from_jwk(SHOWN)


async def find() -> CommandKey:
    """The key of the example."""
    return KEY


@pytest.mark.parametrize("role", ["learner", "teacher", "compliance"])
async def test_whoever_may_do_anything_gets_the_key(role: str) -> None:
    """The key in the form of the description's example, which is right by RFC 7638."""
    client = client_of(make_app(MemoryHistory(), command_key=find), token(role=role))
    assert await client.json(PATH) == SHOWN


async def test_nobody_else_does() -> None:
    """403 to a token without a permission; 404 in a service to which nothing is sealed."""
    powerless = client_of(make_app(MemoryHistory(), command_key=find), token(permissions=[]))
    assert (await powerless.get(PATH)).status_code == 403
    assert (await client_of(make_app(MemoryHistory()), token()).get(PATH)).status_code == 404
