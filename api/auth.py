"""Who asks, and what they may see: 401, then 403, then one 404 for all else."""

import time
from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from structlog.contextvars import bind_contextvars

from api.parameters import check_names
from api.read_side import read_side
from chat.domain.identifiers import is_uuid
from chat.domain.model import ThreadKey
from chat.domain.principal import Permission, Principal
from chat.errors import Forbidden, KeysUnavailable, NotVisible, TokenInvalid
from chat.storage.history import History
from chat.tokens import TokenVerifier, Verified

SCHEME = """A JWT with `user_id` (or `sub`), `tenant_id`, `learner_scope`, `role` and `exp`. `permissions`, where it is
there, counts instead of the role's. A tenant's token sees that tenant alone."""


class Caller(SecurityBase):
    """The dependency that gives a request's caller, who must have one of these permissions whatever it asks for."""

    def __init__(self, *permissions: Permission) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description=SCHEME)
        self.scheme_name = "token"
        self._permissions = permissions

    async def __call__(self, request: Request) -> Principal:
        """Raises `TokenInvalid`, `TokenExpired` or `Forbidden`, and `KeysUnavailable` where nobody can tell.

        To whom the door is open the query's names are checked, before any rule of its values: `BadInput`.
        """
        verified = await _verified(read_side(request).verifier, _bearer(request))
        # Named in every line of the log that this request has from here on.
        bind_contextvars(tenant_id=verified.principal.tenant_id, user_id=verified.principal.user_id)
        if verified.principal.permissions.isdisjoint(self._permissions):
            raise Forbidden(f"the token lacks the permission {' or '.join(self._permissions)}")
        check_names(request)
        return verified.principal


async def visible_thread(history: History, caller: Principal, thread_id: str) -> ThreadKey:
    """Whose a thread is that `caller` reaches. Raises `NotVisible`."""
    key = await history.owner(caller.tenant_id, thread_id) if is_uuid(thread_id) else None
    if key is None or not caller.reaches(key.learner.learner_id):
        raise NotVisible
    return key


def token_left(request: Request) -> Callable[[], Awaitable[float]]:
    """Judges a request's token again whenever it is called; gives the seconds for which it still counts.

    Raises as `TokenVerifier.verify`, or `StorageUnavailable`.
    """
    side, token = read_side(request), _bearer(request)

    async def left() -> float:
        verified = await _verified(side.verifier, token)
        return verified.expires_at + side.settings.jwt_leeway_seconds - time.time()

    return left


async def _verified(verifier: TokenVerifier, token: str) -> Verified:
    now = time.time()
    try:
        return verifier.verify(token, now)
    except KeysUnavailable:
        await verifier.settle(token, now)
    return verifier.verify(token, now)


def _bearer(request: Request) -> str:
    values = request.headers.getlist("authorization")
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        raise TokenInvalid("one header `Authorization: Bearer <JWT>` is needed")
    return token.strip()
