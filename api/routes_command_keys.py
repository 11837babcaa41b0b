"""The public key to which producers may seal commands."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.auth import Caller
from api.documents import CommandKeys, documented
from api.read_side import read_side
from api.rendering import Json
from chat.domain.principal import Permission, Principal
from chat.errors import NotVisible

router = APIRouter(prefix="/api/v1/privacy", tags=["privacy"])
Anyone = Annotated[Principal, Depends(Caller(*Permission))]


@router.get("/command-keys", response_class=Json, responses=documented(CommandKeys))
async def get_command_keys(request: Request, _caller: Anyone) -> Response:
    """The public key to which producers may seal commands, as a JWK Set (RFC 7517, RFC 8037). Ask for it daily."""
    key = await read_side(request).command_key()
    if key is None:
        raise NotVisible
    return Json({"keys": [key.jwk]})
