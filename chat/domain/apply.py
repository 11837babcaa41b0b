"""What a command does: state before and command in, verdict out. Pure, so a second run of the log decides the same.

A record may be read again, after a crash or a reset of the consumer group. `Given.earlier` (what is remembered of the
command_id) and `Thread.position` (the thread's last applied command) tell what this very record did the first time:

- remembered at this position, and the thread is at or beyond it: it was applied; its event is emitted again, or, where
  its effect was deleted since, nothing is;
- remembered at this position, and the thread is before it: the first run died before its commit point; apply it;
- remembered at an earlier position: another record of the same command was applied: `duplicate`;
- the thread is at or beyond this position and nothing is remembered of it: it was refused, and that was said before
  the thread came so far. It is not judged again: what its checks looked at may have changed since.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chat.domain.commands import (
    Command,
    CreateThread,
    DeleteMessage,
    DeleteThread,
    EditMessage,
    ExpireThread,
    MarkRead,
    PostMessage,
    UpdateThread,
)
from chat.domain.events import EVENT_OF_COMMAND, event_id
from chat.domain.message_rules import delete_message, edit_message, post_message
from chat.domain.thread_rules import create_thread, delete_thread, expire_thread, mark_read, update_thread
from chat.domain.verdict import At, Given, Limits, Settled, Verdict, is_past, was_applied
from chat.domain.verdicts import Code, Refused


def apply(command: Command, given: Given, at: At, limits: Limits) -> Verdict:
    """The verdict on a command that may be sent (see `authorise`) and whose fields are valid (see `validate`)."""
    if not given.life.holds(at.position):
        return Refused(Code.LEARNER_ERASED, "the learner's data were erased after this command or before it")
    refused = _seen_before(command, given, at)
    if refused is not None:
        return refused
    if is_past(given.thread, at) and not was_applied(given, at):
        return Settled()
    return _RULES[type(command)](command, given, at, limits)


def _seen_before(command: Command, given: Given, at: At) -> Refused | None:
    earlier = given.earlier
    if earlier is None or earlier.position >= at.position:
        return None
    if (earlier.kind, earlier.digest) != (command.kind, given.digest):
        return Refused(Code.INVALID, "command_id: was used before with another body")
    event_type = EVENT_OF_COMMAND[type(command).__name__]
    first = event_id(command.tenant_id, command.learner_id, command.command_id, event_type)
    return Refused(Code.DUPLICATE, "this command was applied before", first)


_RULES: Mapping[type[Command], Callable[[Any, Given, At, Limits], Verdict]] = {
    CreateThread: create_thread,
    UpdateThread: update_thread,
    DeleteThread: delete_thread,
    PostMessage: post_message,
    EditMessage: edit_message,
    DeleteMessage: delete_message,
    MarkRead: mark_read,
    ExpireThread: expire_thread,
}
