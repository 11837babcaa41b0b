"""What may be done with a message: post, edit and delete it."""

import json

from chat.domain.commands import DeleteMessage, EditMessage, PostMessage
from chat.domain.events import Cause, Event, message_created, message_deleted, message_updated
from chat.domain.model import Message, Thread
from chat.domain.moderation import Judged
from chat.domain.thread_rules import THREAD_NOT_FOUND, living
from chat.domain.verdict import (
    Applied,
    At,
    Given,
    Limits,
    Repeated,
    Settled,
    Verdict,
    remember,
    was_applied,
    write_time,
)
from chat.domain.verdicts import Code, Refused

MODERATED = Refused(Code.MODERATED, "content: was judged and is not kept")
MESSAGE_NOT_FOUND = Refused(Code.MESSAGE_NOT_FOUND, "message_id: no such message in this thread")


def post_message(command: PostMessage, given: Given, at: At, limits: Limits) -> Verdict:
    """The thread's next message."""
    seq = given.seqs.get(command.message_id)
    if was_applied(given, at) and given.thread is not None:
        return _posted_before(command, given.thread, seq, at, limits)
    thread = living(given)
    if thread is None:
        return THREAD_NOT_FOUND
    refused = _cannot_post(command, given, thread, limits)
    if refused is not None:
        return refused
    judged = _judged(command, at, limits)
    if judged.refused:
        return MODERATED
    message = _new_message(command, judged.content, thread.last_seq + 1, at)
    time = write_time(thread, at)
    after = thread._replace(last_seq=message.seq, position=at.position, write_time=time, active_at=time // 1000)
    return Applied(after, _created(command, message, judged, at), remember(command, given, at), message)


def _cannot_post(command: PostMessage, given: Given, thread: Thread, limits: Limits) -> Refused | None:
    if command.message_id in given.seqs:
        return Refused(Code.MESSAGE_EXISTS, "message_id: is taken in this thread")
    if command.reply_to is not None and command.reply_to not in given.seqs:
        return Refused(Code.MESSAGE_NOT_FOUND, "reply_to: no such message in this thread")
    if 0 < limits.messages_per_thread <= thread.last_seq:
        return Refused(Code.THREAD_FULL, "the thread holds as many messages as it may")
    return None


def _posted_before(command: PostMessage, thread: Thread, seq: int | None, at: At, limits: Limits) -> Verdict:
    if seq is None:  # the thread was deleted with all its messages
        return Settled()
    judged = _judged(command, at, limits)
    return Repeated(thread, _created(command, _new_message(command, judged.content, seq, at), judged, at))


def _judged(command: PostMessage | EditMessage, at: At, limits: Limits) -> Judged:
    return limits.moderate(command.tenant_id, command.content, at.time)


def _created(command: PostMessage, message: Message, judged: Judged, at: At) -> Event:
    return message_created(Cause.of(command, at.time), message)._replace(flagged=judged.flagged)


def _new_message(command: PostMessage, content: str, seq: int, at: At) -> Message:
    return Message(
        command.message_id,
        command.thread_id,
        seq,
        at.sender,
        content,
        command.message_type,
        command.reply_to,
        command.metadata,
        at.time,
        at.time,
    )


def edit_message(command: EditMessage, given: Given, at: At, limits: Limits) -> Verdict:
    """Another content, by its sender only. An edit that changes nothing is applied too."""
    message = given.message
    if was_applied(given, at):
        return _edited_before(command, given, at, limits)
    thread = living(given)
    if thread is None:
        return THREAD_NOT_FOUND
    refused = _cannot_edit(command, message, at)
    if refused is not None or message is None:
        return refused or MESSAGE_NOT_FOUND
    judged = _judged(command, at, limits)
    if judged.refused:
        return MODERATED
    metadata = message.metadata if command.metadata is None else command.metadata
    after = _edited(message, judged.content, metadata, at)
    touched = _touched(thread, at)
    outcome = json.dumps([metadata, touched.write_time], ensure_ascii=False)
    return Applied(touched, _updated(command, after, judged, at), remember(command, given, at, outcome), after)


def _edited_before(command: EditMessage, given: Given, at: At, limits: Limits) -> Verdict:
    if given.message is None or given.thread is None or given.earlier is None:
        return Settled()
    judged = _judged(command, at, limits)
    metadata, written = json.loads(given.earlier.outcome)
    then = _edited(given.message, judged.content, metadata, at)
    return Repeated(given.thread, _updated(command, then, judged, at), written, then)


def _updated(command: EditMessage, message: Message, judged: Judged, at: At) -> Event:
    return message_updated(Cause.of(command, at.time), message)._replace(flagged=judged.flagged)


def _cannot_edit(command: EditMessage, message: Message | None, at: At) -> Refused | None:
    if message is None or message.deleted_at is not None:
        return MESSAGE_NOT_FOUND
    if message.sender_id != at.sender:
        return Refused(Code.FORBIDDEN, "only its sender edits a message")
    if not command.content and message.message_type == "text":
        return Refused(Code.INVALID, "content: must not be empty")
    return None


def _edited(message: Message, content: str, metadata: str, at: At) -> Message:
    return message._replace(content=content, metadata=metadata, updated_at=at.time, deleted_at=None)


def delete_message(command: DeleteMessage, given: Given, at: At, _limits: Limits) -> Verdict:
    """A husk in the message's place: its seq stays, its words go. One's own, or anybody's for who moderates."""
    message = given.message
    if was_applied(given, at) and given.thread is not None and given.earlier is not None:
        if message is None:
            return Settled()
        event = message_deleted(Cause.of(command, at.time), message, at.sender)
        return Repeated(given.thread, event, json.loads(given.earlier.outcome), _husk(message, at))
    thread = living(given)
    if thread is None:
        return THREAD_NOT_FOUND
    if message is None or message.deleted_at is not None:
        return MESSAGE_NOT_FOUND
    if message.sender_id != at.sender and not at.moderates:
        return Refused(Code.FORBIDDEN, "the message is somebody else's")
    event = message_deleted(Cause.of(command, at.time), message, at.sender)
    touched = _touched(thread, at)
    remembered = remember(command, given, at, json.dumps(touched.write_time))
    return Applied(touched, event, remembered, _husk(message, at))


def _husk(message: Message, at: At) -> Message:
    return message._replace(content=None, metadata="{}", updated_at=at.time, deleted_at=at.time)


def _touched(thread: Thread, at: At) -> Thread:
    return thread._replace(position=at.position, write_time=write_time(thread, at))
