"""What a command does: state before and command in, verdict out. Pure, so a second run of the log decides the same.

A record may be read again, after a crash or a reset of the consumer group. `Given.earlier` (what is remembered of the
command_id) and `Thread.position` (the thread's last applied command) tell what this very record did the first time:

- remembered at this position, and the thread is at or beyond it: it was applied; its event is emitted again;
- remembered at this position, and the thread is before it: the first run died before its commit point; apply it;
- remembered at an earlier position: another record of the same command was applied: `duplicate`;
- the thread is at or beyond this position and nothing is remembered of it: it was refused, and stays refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chat.domain.commands import Command, CreateThread, PostMessage
from chat.domain.events import EVENT_OF_COMMAND, Event, event_id, message_created, thread_created
from chat.domain.model import Details, Message, Status, Thread
from chat.domain.verdicts import Code, Refused


class Remembered(NamedTuple):
    """What is kept of an applied command: its type, a keyed hash of its body, and where it stood."""

    kind: int
    digest: bytes
    position: int


class At(NamedTuple):
    """Where and when a command stood in the log, and who sent it; `time` is the broker's, in milliseconds."""

    position: int
    time: int
    sender: str


class Limits(NamedTuple):
    """What of a verdict is the operator's choice. 0 messages: no limit."""

    messages_per_thread: int


class Given(NamedTuple):
    """What is known before: `seqs` maps the message ids that the command names to their seq, where they exist."""

    thread: Thread | None
    earlier: Remembered | None
    digest: bytes
    seqs: Mapping[str, int]
    thread_id_taken: bool = False


class Applied(NamedTuple):
    """A command that takes effect: the thread's new state, the message it wrote, and its event."""

    thread: Thread
    message: Message | None
    event: Event
    remembered: Remembered


class Repeated(NamedTuple):
    """A record that was applied in an earlier run: nothing changes, its event is emitted once more."""

    thread: Thread
    event: Event


Verdict = Applied | Repeated | Refused


def apply(command: Command, given: Given, at: At, limits: Limits) -> Verdict:
    """The verdict on a command that may be sent (see `authorise`) and whose fields are valid (see `validate`)."""
    refused = _seen_before(command, given, at)
    if refused is not None:
        return refused
    verdict: Verdict = RULES[type(command)](command, given, at, limits)
    return verdict


def _seen_before(command: Command, given: Given, at: At) -> Refused | None:
    earlier = given.earlier
    if earlier is None or earlier.position >= at.position:
        return None
    if (earlier.kind, earlier.digest) != (command.kind, given.digest):
        return Refused(Code.INVALID, "command_id: was used before with another body")
    event_type = EVENT_OF_COMMAND[type(command).__name__]
    first = event_id(command.tenant_id, command.learner_id, command.command_id, event_type)
    return Refused(Code.DUPLICATE, "this command was applied before", first)


def _was_applied(given: Given, at: At) -> bool:
    return given.earlier is not None and given.earlier.position == at.position and _is_past(given.thread, at)


def _is_past(thread: Thread | None, at: At) -> bool:
    return thread is not None and thread.position >= at.position


def _remember(command: Command, given: Given, at: At) -> Remembered:
    return Remembered(command.kind, given.digest, at.position)


def _write_time(thread: Thread, at: At) -> int:
    """Microseconds, strictly increasing in a thread: many records share a broker's millisecond."""
    return max(at.time * 1000, thread.write_time + 1)


def _create_thread(command: CreateThread, given: Given, at: At, _limits: Limits) -> Verdict:
    details = Details(command.title, command.metadata, at.sender, at.time, at.time)
    time = at.time * 1000
    thread = Thread(command.thread_id, details, Status.LIVE, 0, at.position, at.position, time, time)
    event = thread_created(command.tenant_id, command.learner_id, command.command_id, at.time, thread)
    if _was_applied(given, at) and given.thread is not None:
        return Repeated(given.thread, event)
    if given.thread is not None or given.thread_id_taken:
        return Refused(Code.THREAD_EXISTS, "thread_id: is taken in this tenant")
    return Applied(thread, None, event, _remember(command, given, at))


def _post_message(command: PostMessage, given: Given, at: At, limits: Limits) -> Verdict:
    thread, seq = given.thread, given.seqs.get(command.message_id)
    if _was_applied(given, at) and thread is not None and seq is not None:
        return Repeated(thread, _message_event(command, _new_message(command, seq, at), at))
    if thread is None or thread.status is not Status.LIVE or at.position < thread.created_position:
        return Refused(Code.THREAD_NOT_FOUND, "thread_id: no such thread of this learner")
    if seq is not None:
        return Refused(Code.MESSAGE_EXISTS, "message_id: is taken in this thread")
    if not _replies_to_known(command, given) or (command.reply_to is not None and _is_past(thread, at)):
        return Refused(Code.MESSAGE_NOT_FOUND, "reply_to: no such message in this thread")
    if 0 < limits.messages_per_thread <= thread.last_seq or _is_past(thread, at):
        return Refused(Code.THREAD_FULL, "the thread holds as many messages as it may")
    return _posted(command, given, at, thread)


def _replies_to_known(command: PostMessage, given: Given) -> bool:
    return command.reply_to is None or command.reply_to in given.seqs


def _posted(command: PostMessage, given: Given, at: At, thread: Thread) -> Applied:
    message = _new_message(command, thread.last_seq + 1, at)
    after = thread._replace(last_seq=message.seq, position=at.position, write_time=_write_time(thread, at))
    return Applied(after, message, _message_event(command, message, at), _remember(command, given, at))


def _new_message(command: PostMessage, seq: int, at: At) -> Message:
    return Message(
        command.message_id,
        command.thread_id,
        seq,
        at.sender,
        command.content,
        command.message_type,
        command.reply_to,
        command.metadata,
        at.time,
        at.time,
    )


def _message_event(command: PostMessage, message: Message, at: At) -> Event:
    return message_created(command.tenant_id, command.learner_id, command.command_id, at.time, message)


RULES: dict[type[Command], Callable[[Any, Given, At, Limits], Verdict]] = {
    CreateThread: _create_thread,
    PostMessage: _post_message,
}
