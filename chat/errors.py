"""Every error of the service, in one place.

Two kinds matter to a caller. A `Permanent` error stays however often one tries again: a wrong setting, a topic that
was made anew. A `Transient` one is a server's fault: wait, say so, go on. A command that breaks a rule is neither; it
is a verdict (`chat.domain.verdicts`), not an exception.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class ChatError(Exception):
    """Base of all errors of the service; `exit_code` is the process's exit status when it ends one."""

    exit_code: ClassVar[int] = 1


class Permanent(ChatError):
    """Trying again does not help; somebody has to change something."""


class Transient(ChatError):
    """A server is away or slow; the same call may succeed later."""


# Settings


class BadSetting(Permanent):
    """An environment variable holds a value that the service cannot use."""

    exit_code = 78  # EX_CONFIG of sysexits.h


# Tokens


class BadToken(Permanent):
    """A token that does not count. The text names the rule that it breaks and never holds the token or a claim."""


class TokenInvalid(BadToken):
    """Not signed by our key, not yet valid, or its claims are not what they must be."""


class TokenExpired(BadToken):
    """A good token whose `exp` has passed."""


class KeysUnavailable(Transient):
    """The JWK Set cannot be fetched, or is none; so whether a token counts is not known. The text names no address."""


# Read side


class NotVisible(Permanent):
    """Not there, or not for this caller: the two look the same from outside."""


class Forbidden(Permanent):
    """The token lacks a permission that the request needs, whatever it asks for."""


class BadInput(Permanent):
    """A parameter breaks a rule; neither text repeats what was sent."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class NotTaken(Permanent):
    """A client does not take what it asked for."""


class TooManyListeners(Transient):
    """This process serves as many live streams as it may; another one may have room, or this one later."""


# Storage


class StorageUnavailable(Transient):
    """Cassandra did not answer in time, or not enough replicas did."""


class StorageRefused(Permanent):
    """Cassandra understood a statement and said no: a missing table, a right that is lacking, a wrong password."""

    exit_code = 70


class SchemaMismatch(Permanent):
    """The keyspace is not at a version that this program can work on, or a migration was changed after it ran."""

    exit_code = 70


class KeyspaceMissing(SchemaMismatch):
    """There is no keyspace at all."""


class RecordOfNewerProgram(Permanent):
    """A newer version's worker wrote a record for its own use into a command topic, and this program cannot read it."""

    exit_code = 70


class MigrationFailed(Permanent):
    """A migration's statement was refused by Cassandra."""

    exit_code = 70


# Keys of learners


class KeyStoreUnfit(Permanent):
    """The key-encryption keys are not those of this keyspace, are not there, or others may read them."""

    exit_code = 74


class KeyStoreReadOnly(KeyStoreUnfit):
    """Keys can be neither made nor destroyed here, as in a pod, which has copies of them."""


class UnwrapFailed(KeyStoreUnfit):
    """A key-encryption key does not open what it was given: another one wrapped it, or it was changed or moved."""


class KeyStoreUnavailable(Transient):
    """A key-encryption key cannot be had now, or the key of a learner changed while it was used."""


class CellDamaged(Permanent):
    """A sealed cell cannot be opened with the key that it names: it was changed, moved, or is of another program."""

    exit_code = 70


class SealBroken(Permanent):
    """A sealed command or dead letter that no key of the service opens; the text says why and names no content."""


# Schema registry


class RegistryUnavailable(Transient):
    """The schema registry does not answer, or not as one."""


class RegistryRefused(RegistryUnavailable):
    """The schema registry understood and said no: wrong credentials, a right that is lacking.

    Somebody has to mend that; until then it is as good as away.
    """


class SchemaNotRegistered(Permanent):
    """The schema registry lacks a schema that the service writes, or does not take it. The text names its subject."""

    exit_code = 78


class RegistryMadeAnew(Permanent):
    """The schema registry gives an id to another schema than before: records cannot be told apart by it."""

    exit_code = 72


# Moderation


class ModerationUnfit(Permanent):
    """The rules of moderation cannot be read, or are not those that content was judged by before."""

    exit_code = 78


# Exports


class BundleStoreUnavailable(Transient):
    """The store of bundles does not answer."""


class BundleStoreFull(BundleStoreUnavailable):
    """The store of bundles has no room; somebody has to make some."""


class BundleStoreRefused(BundleStoreUnavailable):
    """The store of bundles understood and said no: wrong credentials, no such bucket, a right that is lacking.

    Or it is a bucket that keeps old versions of what is deleted. Somebody has to mend that; until then it is as good as
    away.
    """


class BundleDamaged(Permanent):
    """A bundle's object was cut, changed or put where another belongs."""


class BundleGone(Permanent):
    """A bundle that is not there: not finished, expired, or deleted."""


class SigningKeyUnfit(Permanent):
    """The signing key is none, or others may read it."""

    exit_code = 74


# Kafka


class BrokerUnavailable(Transient):
    """Kafka did not answer in time."""


class BrokerRefused(Permanent):
    """Kafka understood and said no: a right that is lacking, a wrong password or certificate, a wrong setting."""

    exit_code = 71


class TopicMismatch(Permanent):
    """A topic is not as it must be: missing, another partition count, other settings."""

    exit_code = 71


class TopicMadeAnew(TopicMismatch):
    """A topic has another id than the one recorded: offsets of the old one mean nothing in it."""

    exit_code = 72


class LogTruncated(Permanent):
    """A log starts after the committed offset: records are gone that were never read."""

    exit_code = 73


# Privacy


class JobFailed(Permanent):
    """A privacy request that cannot be done ends so. `code` goes into its events and its audit: no ids, no content.

    With `held` it ends `held` instead of `failed`: something, such as a legal hold, forbids it.
    """

    def __init__(self, code: str, *, held: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.held = held


class LedgerUnavailable(Transient):
    """The folder of receipts that is kept apart from Cassandra cannot be written or read."""


class ReceiptForged(Permanent):
    """A receipt that its key did not sign, that was changed, or that does not follow the one before it."""


class FileDamaged(Permanent):
    """A file that cannot be decoded: cut short, changed, packed, or of a version that is not known."""


class LeaseLost(Permanent):
    """Another worker has taken a privacy request over: whoever had it before may save nothing more."""


# Embedded servers


class DownloadRefused(Permanent):
    """A server's jar cannot be downloaded or stored; the text says what to set."""


class ArtefactDamaged(Permanent):
    """A downloaded jar has another sha256 than the locked one."""


class PortTaken(Permanent):
    """Another process listens on the port that an embedded server is to have."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(f"port {port} is taken: stop what listens there, or set {setting} to another port")


class DiskSpaceLow(Permanent):
    """The disk under the data folder has too little room to start the servers."""


class FolderInUse(Permanent):
    """Another process runs its servers on this data folder."""


class ServerDied(Permanent):
    """An embedded server ended by itself; the text holds the last lines of its log."""

    def __init__(self, name: str, log: Path, tail: Sequence[str]) -> None:
        lines = "\n  ".join(tail)
        super().__init__(f"{name} ended by itself; the last lines of {log}:\n  {lines}")


class ServerNotReady(Transient):
    """An embedded server runs but did not answer in time."""


# Clients


class NotSent(Permanent):
    """Kafka did not take a record, so it is not in the log."""


class OutcomeTimeout(Transient):
    """A command's outcome did not come in time; it may still come. Sending the same command again is safe."""

    exit_code = 2


class ApiUnavailable(Transient):
    """The API cannot answer now; it wants no other request within `seconds` (0: it has not said)."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class ApiRefused(Permanent):
    """The API, or what stands before it, refused a request for a reason that has no error of its own."""
