"""Commands that must not be applied, by the hundred, with controls that must. The same in every run."""

from collections.abc import Mapping
from typing import NamedTuple

from tests import hostile_senders as senders
from tests import hostile_values as values
from tests.command_forge import (
    LEARNER,
    MESSAGE,
    OTHER,
    OTHERS_THREAD,
    THREAD,
    USED,
    Attempt,
    CommandForge,
    Made,
    Make,
    bearer,
)


class Tried(NamedTuple):
    """An attempt and its kind; `control` for one that is accepted."""

    kind: str
    attempt: Attempt


CONTROL = "control"


KINDS: Mapping[str, Make] = {
    "authorization": senders.authorization,
    "another tenant": senders.another_tenant,
    "another tenant's token": senders.another_tenants_token,
    "another learner": senders.another_learner,
    "no scope": senders.no_scope,
    "another key": senders.another_key,
    "another partition": senders.another_partition,
    "no permission": senders.no_permission,
    "bad time": senders.bad_time,
    "command_id no UUID": values.no_uuid("command_id"),
    "thread_id no UUID": values.no_uuid("thread_id"),
    "message_id no UUID": values.no_uuid("message_id"),
    "reply_to no UUID": values.no_uuid("reply_to"),
    "tenant no identifier": values.no_identifier("tenant_id"),
    "learner no identifier": values.no_identifier("learner_id"),
    "bad content": values.bad_content,
    "bad type of message": values.bad_type_of_message,
    "bad metadata": values.bad_metadata,
    "bad attachment": values.bad_attachment,
    "unknown field": values.unknown_field,
    "name twice": values.name_twice,
    "missing field": values.missing_field,
    "unknown type": values.unknown_type,
    "the service's own": senders.services_own,
    "privacy commands": senders.privacy_commands,
    "used id": senders.used_id,
    "foreign thread": senders.foreign_thread,
    "foreign message": senders.foreign_message,
    "bad mark": values.bad_mark,
    "JSON cut": values.json_cut,
    "Avro cut": values.avro_cut,
    "another fingerprint": values.another_fingerprint,
    "no record": values.no_record,
}


def batch() -> list[Tried]:
    """Every hostile command, kind after kind, with controls before, between and behind them."""
    forge = CommandForge()
    tried = [Tried(CONTROL, one) for one in _beginning(forge)]
    for kind, make in KINDS.items():
        tried += [Tried(kind, one) for one in make(forge)]
        tried += [Tried(CONTROL, one) for one in _controls(forge)]
    return tried


def _beginning(forge: CommandForge) -> Made:
    """The threads of two learners, and the message that hostile commands are after."""
    for thread, learner in ((THREAD, LEARNER), (OTHERS_THREAD, OTHER)):
        create = forge.other("CreateThread", learner_id=learner, title="Hello")
        yield forge.attempt(create | {"thread_id": thread}, bearer())
    yield forge.attempt(forge.fields(command_id=USED, message_id=MESSAGE, reply_to=None))


def _controls(forge: CommandForge) -> Made:
    """One of every way in which hostile ones are made."""
    yield forge.good()
    yield forge.raw(forge.avro())
    yield forge.attempt(forge.mark(1))
    yield forge.attempt(forge.other("EditMessage", message_id=MESSAGE, content="better words"))
