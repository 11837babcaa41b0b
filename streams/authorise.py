"""Typed command → admitted or refused: token, tenant, key, scope, permission and limits, in the contract's order."""

from dataclasses import dataclass

from chat.domain.authorise import authorise
from chat.domain.commands import Command, FenceLearner, PostMessage
from chat.domain.partition import learner_key, partition_of
from chat.domain.principal import Principal
from chat.domain.validate import validate
from chat.domain.verdicts import Code, Refused
from chat.errors import TokenExpired, TokenInvalid
from chat.tokens import TokenVerifier
from streams.internal import INTERNAL, ServiceSeal, service_of
from streams.records import Admitted, Decoded, Fence, Identity, Record, Refusal, header


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets a command through that its sender may send. `partitions` is the topic's count, fixed for life; `disabled`
    are the types of command that this service does not do.
    """

    verifier: TokenVerifier
    partitions: int
    seal: ServiceSeal
    disabled: frozenset[str] = frozenset()

    def authorise(self, decoded: Decoded) -> Admitted | Fence | Refusal:
        """As `check`, for a record of the command log."""
        checked = self.check(decoded)
        if isinstance(checked, Refusal):
            return checked
        if isinstance(decoded.command, FenceLearner):
            return Fence(decoded.record, decoded.command)
        if not isinstance(decoded.command, Command):
            return Refusal(
                decoded.record, decoded.type, decoded.identity, Refused(Code.INVALID, "the record is invalid")
            )
        return Admitted(decoded.record, decoded.command, checked)

    def check(self, decoded: Decoded) -> Principal | Refusal:
        """Who sends a valid command that they may send; else the first check that fails gives the code.

        Raises `KeysUnavailable`; then `settle` is to be awaited first.
        """
        caller = self._service(decoded) if decoded.type in INTERNAL else self._caller(decoded.record)
        if isinstance(caller, Refused):
            return Refusal(decoded.record, decoded.type, decoded.identity, caller)
        refused = self._refused(decoded, caller)
        if refused is None:
            return caller
        actor = "" if refused.code is Code.WRONG_TENANT else caller.user_id
        return Refusal(decoded.record, decoded.type, decoded.identity, refused, actor)

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

    def _refused(self, decoded: Decoded, caller: Principal) -> Refused | None:
        return (
            self._place(decoded, caller) or _permission(decoded, caller) or self._disabled(decoded) or _limits(decoded)
        )

    def _disabled(self, decoded: Decoded) -> Refused | None:
        return Refused(Code.DISABLED, "this service does not do that") if decoded.type in self.disabled else None

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
