"""The service's own records in the command log, and how a forged one is told from them.

What the service does to a thread by itself goes through the thread's lane as well, so it is a record like any command.
It carries no token but a seal: a MAC under a secret that only the service's processes can read, in Cassandra. The
secret never changes, so a record that is read again is judged as it was.
"""

import hmac

from chat.domain.principal import Permission, Principal, Role
from chat.errors import RecordOfNewerProgram
from streams.records import DeadLetter, Record, header

INTERNAL = frozenset({"ExpireThread", "FenceLearner"})
"""Types of records that no token lets anybody send."""

SECRET = "internal_commands"  # noqa: S105 - the name of one
SERVICE = "service:cleanup"
"""Who did it, as events say."""

_PERMISSIONS = frozenset({Permission.THREADS_DELETE, Permission.PRIVACY_DELETE})
_SCHEME = b"Service "


def service_of(tenant_id: str) -> Principal:
    """The service, at work in one tenant."""
    return Principal(SERVICE, tenant_id, Role.SERVICE, _PERMISSIONS, None)


class ServiceSeal:
    """Seals values under `secret`, 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def header(self, value: bytes) -> tuple[str, bytes]:
        """The header that a record of that value needs."""
        return "authorization", _SCHEME + self._mac(value)

    def is_on(self, record: Record) -> bool:
        """Whether the service itself wrote the record's value."""
        found = header(record, "authorization")
        return len(found) == 1 and hmac.compare_digest(found[0], _SCHEME + self._mac(record.value or b""))

    def require_foreign(self, letter: DeadLetter) -> DeadLetter:
        """A dead letter that the service did not write itself.

        Raises `RecordOfNewerProgram` for one that it did: who wrote it knows what it is for, so it is not given up.
        """
        if self.is_on(letter.record):
            record = letter.record
            place = f"{record.topic}[{record.partition}] has at {record.offset}"
            raise RecordOfNewerProgram(f"{place} a record of a newer program's own: use that program")
        return letter

    def _mac(self, value: bytes) -> bytes:
        return hmac.digest(self._secret, value, "sha256").hex().encode()
