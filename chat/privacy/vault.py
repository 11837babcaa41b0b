"""Key-encryption keys in the transit engine of HashiCorp Vault (or OpenBao): a key an epoch, which never leaves it.

The token may create, read, configure and delete keys `aivo-chat-*` of the engine, and encrypt and decrypt with them.
Renewing it is the work of a Vault Agent, to which VAULT_ADDR may point as well.
"""

import asyncio
import base64
from http import HTTPStatus
from typing import Any

import requests

from chat.errors import KeyStoreUnavailable, KeyStoreUnfit, UnwrapFailed
from chat.privacy.kek import epoch_name
from chat.settings import Settings

PATIENCE_SECONDS = 5.0
PREFIX = "aivo-chat-"
_AWAY = frozenset(
    {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.TOO_MANY_REQUESTS, 472, 473}
)
"""A standby that lost its leader, which must not be followed with a token, behind the leader, busy, or a standby; 5xx
too, such as 503 for one that is sealed."""


class VaultTransit:
    """The `KeyEncryption` of VAULT_ADDR. Raises `KeyStoreUnfit` also where Vault says no."""

    def __init__(self, settings: Settings) -> None:
        self._base = f"{settings.vault_addr.rstrip('/')}/v1/{settings.vault_transit_mount.strip('/')}"
        self._session = requests.Session()
        self._session.headers["X-Vault-Token"] = settings.vault_token
        if settings.vault_namespace:
            self._session.headers["X-Vault-Namespace"] = settings.vault_namespace
        self._session.verify = str(settings.vault_cacert) if settings.vault_cacert else True

    async def new_epoch(self, prefix: str = "") -> str:
        epoch = f"{prefix}{epoch_name()}"
        await self._done("POST", f"keys/{PREFIX}{epoch}", {"type": "aes256-gcm96"})
        return epoch

    async def has(self, epoch: str) -> bool:
        answer = await self._ask("GET", f"keys/{PREFIX}{epoch}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return False
        _require_success(answer)
        return True

    async def wrap(self, epoch: str, key: bytes, bound: str) -> bytes:
        asked = {"plaintext": _base64(key), "associated_data": _base64(bound.encode())}
        # With a token that may create keys, Vault would make one that is not there: under no epoch that anybody opened.
        await self._require(epoch)
        ciphertext: str = (await self._done("POST", f"encrypt/{PREFIX}{epoch}", asked))["ciphertext"]
        return ciphertext.encode()

    async def unwrap(self, epoch: str, wrapped: bytes, bound: str) -> bytes:
        asked = {"ciphertext": wrapped.decode("ascii", "replace"), "associated_data": _base64(bound.encode())}
        answer = await self._ask("POST", f"decrypt/{PREFIX}{epoch}", asked)
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            await self._require(epoch)
            raise UnwrapFailed(f"Vault's key of epoch {epoch} does not open what was wrapped in it")
        return base64.b64decode(_require_success(answer)["plaintext"])

    async def destroy(self, epoch: str) -> None:
        if not await self.has(epoch):
            return
        try:
            await self._done("POST", f"keys/{PREFIX}{epoch}/config", {"deletion_allowed": True})
            await self._done("DELETE", f"keys/{PREFIX}{epoch}")
        except KeyStoreUnfit:
            if await self.has(epoch):  # else another process was faster
                raise

    async def _require(self, epoch: str) -> None:
        if not await self.has(epoch):
            raise KeyStoreUnavailable(f"Vault has no key of epoch {epoch}")

    async def _done(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return _require_success(await self._ask(method, path, body))

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        """One request. Raises `KeyStoreUnavailable` where there is no answer, or none that lasts."""
        try:
            answer = await asyncio.to_thread(
                self._session.request,
                method,
                f"{self._base}/{path}",
                json=body,
                timeout=PATIENCE_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise KeyStoreUnavailable(f"Vault does not answer: {type(error).__name__}") from error
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code in _AWAY:
            raise KeyStoreUnavailable(f"Vault answers {answer.status_code}")
        return answer


def _require_success(answer: requests.Response) -> dict[str, Any]:
    """What an answer holds; its text may hold what belongs into no log."""
    if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        raise KeyStoreUnfit(f"Vault refuses with {answer.status_code}: see VAULT_ADDR, VAULT_TOKEN and its policy")
    return answer.json().get("data") or {} if answer.content else {}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
