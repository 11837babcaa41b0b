"""Typed command → admitted or refused: token, tenant, key, scope, permission and limits, in the contract's order."""

from dataclasses import dataclass

from chat.domain.authorise import authorise
from chat.domain.commands import PostMessage
from chat.domain.partition import learner_key, partition_of
from chat.domain.principal import Principal
from chat.domain.validate import validate
from chat.domain.verdicts import Code, Refused
from chat.errors import TokenExpired, TokenInvalid
from chat.tokens import TokenVerifier
from streams.internal import INTERNAL, ServiceSeal, service_of
from streams.records import Admitted, Decoded, Identity, Record, Refusal, header


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets a command through that its sender may send. `partitions` is the topic's count, fixed for life."""

    verifier: TokenVerifier
    partitions: int
    seal: ServiceSeal

    def authorise(self, decoded: Decoded) -> Admitted | Refusal:
        """The first check that fails gives the code. Raises `KeysUnavailable`; then `settle` is to be awaited first."""
        caller = self._service(decoded) if decoded.type in INTERNAL else self._caller(decoded.record)
        if isinstance(caller, Refused):
            return Refusal(decoded.record, decoded.identity, caller)
        refused = self._place(decoded, caller) or _permission(decoded, caller) or _limits(decoded)
        if refused is not None or decoded.command is None:
            return Refusal(decoded.record, decoded.identity, refused or Refused(Code.INVALID, "the record is invalid"))
        return Admitted(decoded.record, decoded.command, caller)

    async def settle(self, record: Record) -> None:
        """Returns when it is known which keys the record's token may be signed with.

        Raises `KeysUnavailable` or `StorageUnavailable`; may be called again.
        """
        await self.verifier.settle(_bearer(record) or "", record.timestamp / 1000)

    def _caller(self, record: Record) -> Principal | Refused:
        token = _bearer(record)
        if token is None:
            return Refused(Code.UNAUTHENTICATED, "one header `authorization: Bearer <JWT>` is needed")
        try:
            verified = self.verifier.verify(token, record.timestamp / 1000)
        except TokenExpired:
            return Refused(Code.TOKEN_EXPIRED, "the token had expired when the broker took the record")
        except TokenInvalid as error:
            return Refused(Code.UNAUTHENTICATED, str(error))
        return verified.principal

    def _service(self, decoded: Decoded) -> Principal | Refused:
        if not self.seal.is_on(decoded.record):
            return Refused(Code.UNAUTHENTICATED, "type: only the service itself sends this")
        return service_of(decoded.identity.tenant_id)

    def _place(self, decoded: Decoded, caller: Principal) -> Refused | None:
        identity = decoded.identity
        if identity.tenant_id != caller.tenant_id:
            return Refused(Code.WRONG_TENANT, "the token is of another tenant")
        if not self._is_at_home(decoded.record, identity):
            return Refused(Code.KEY_MISMATCH, "key and partition must be those of <tenant_id>/<learner_id>")
        return None

    def _is_at_home(self, record: Record, identity: Identity) -> bool:
        key = learner_key(identity.tenant_id, identity.learner_id).encode()
        return bool(record.key == key and record.partition == partition_of(key, self.partitions))


def _bearer(record: Record) -> str | None:
    values = header(record, "authorization")
    if len(values) != 1 or values[0][:7].lower() != b"bearer ":
        return None
    return values[0][7:].decode("ascii", "replace").strip()


def _permission(decoded: Decoded, caller: Principal) -> Refused | None:
    command = decoded.command
    message_type = command.message_type if isinstance(command, PostMessage) else None
    return authorise(caller, decoded.type, decoded.identity.learner_id, message_type)


def _limits(decoded: Decoded) -> Refused | None:
    if decoded.command is None:
        return Refused(Code.INVALID, decoded.complaint or "the record is invalid")
    complaint = validate(decoded.command)
    return Refused(Code.INVALID, ": ".join(complaint)) if complaint else None
