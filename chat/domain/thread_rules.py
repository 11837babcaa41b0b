"""What may be done with a thread: make, change, delete it, and mark how far it was read."""

import json

from chat.domain.commands import CreateThread, DeleteThread, ExpireThread, MarkRead, UpdateThread
from chat.domain.events import Cause, thread_created, thread_deleted, thread_read, thread_updated
from chat.domain.model import Details, Status, Thread
from chat.domain.verdict import (
    Applied,
    At,
    Given,
    Limits,
    Repeated,
    Verdict,
    remember,
    was_applied,
    write_time,
)
from chat.domain.verdicts import Code, Refused

THREAD_NOT_FOUND = Refused(Code.THREAD_NOT_FOUND, "thread_id: no such thread of this learner")


def living(given: Given) -> Thread | None:
    """The thread, where it is there and was not deleted."""
    thread = given.thread
    return thread if thread is not None and thread.status is Status.LIVE else None


def create_thread(command: CreateThread, given: Given, at: At, _limits: Limits) -> Verdict:
    """A thread of that id, once in its tenant and for ever."""
    details = Details(command.title, command.metadata, at.sender, at.time, at.time)
    time = at.time * 1000
    thread = Thread(command.thread_id, details, Status.LIVE, 0, at.position, at.position, time, time, at.time)
    event = thread_created(Cause.of(command, at.time), thread)
    if was_applied(given, at) and given.thread is not None:
        return Repeated(given.thread, event)
    if given.thread is not None or given.thread_id_taken:
        return Refused(Code.THREAD_EXISTS, "thread_id: is taken in this tenant")
    return Applied(thread, event, remember(command, given, at))


def update_thread(command: UpdateThread, given: Given, at: At, _limits: Limits) -> Verdict:
    """Another title or metadata; what is null stays. An update that changes nothing is applied too."""
    if was_applied(given, at) and given.thread is not None and given.earlier is not None:
        title, metadata = json.loads(given.earlier.outcome)
        then = given.thread.details._replace(title=title, metadata=metadata, updated_at=at.time)
        event = thread_updated(Cause.of(command, at.time), given.thread._replace(details=then))
        return Repeated(given.thread, event)
    thread = living(given)
    if thread is None:
        return THREAD_NOT_FOUND
    before = thread.details
    title = before.title if command.title is None else command.title
    metadata = before.metadata if command.metadata is None else command.metadata
    details = before._replace(title=title, metadata=metadata, updated_at=at.time)
    after = _changed(thread, at, details)
    outcome = json.dumps([title, metadata], ensure_ascii=False)
    return Applied(after, thread_updated(Cause.of(command, at.time), after), remember(command, given, at, outcome))


def delete_thread(command: DeleteThread, given: Given, at: At, _limits: Limits) -> Verdict:
    """The end of a thread and of what it held; its id stays taken."""
    return _ended_before(command, given, at) or _end(command, given, at)


def expire_thread(command: ExpireThread, given: Given, at: At, limits: Limits) -> Verdict:
    """The end of a thread in which nobody was active since it was seen to hold nothing, nor within its retention."""
    ended = _ended_before(command, given, at)
    if ended is not None:
        return ended
    thread = living(given)
    if thread is not None and thread.active_at != command.active_at:
        return Refused(Code.INVALID, "active_at: somebody was active in the thread since")
    if thread is not None and at.time < thread.active_at + 1000 * limits.retention(command.tenant_id):
        return Refused(Code.INVALID, "active_at: the thread is not as old as its messages may become")
    return _end(command, given, at)


def _ended_before(command: DeleteThread | ExpireThread, given: Given, at: At) -> Repeated | None:
    if not was_applied(given, at) or given.thread is None:
        return None
    return Repeated(given.thread, thread_deleted(Cause.of(command, at.time), command.thread_id, at.sender))


def _end(command: DeleteThread | ExpireThread, given: Given, at: At) -> Verdict:
    thread = living(given)
    if thread is None:
        return THREAD_NOT_FOUND
    nothing = thread.details._replace(title="", metadata="{}", updated_at=at.time)
    after = _changed(thread, at, nothing)._replace(status=Status.DELETED)
    event = thread_deleted(Cause.of(command, at.time), command.thread_id, at.sender)
    return Applied(after, event, remember(command, given, at))


def _changed(thread: Thread, at: At, details: Details) -> Thread:
    time = write_time(thread, at)
    return thread._replace(
        details=details, position=at.position, details_time=time, write_time=time, active_at=time // 1000
    )


def mark_read(command: MarkRead, given: Given, at: At, _limits: Limits) -> Verdict:
    """How far the sender has read: a mark only goes forward, and one behind it is applied and leaves it there."""
    cause = Cause.of(command, at.time)
    if was_applied(given, at) and given.thread is not None and given.earlier is not None:
        mark, written = json.loads(given.earlier.outcome)
        return Repeated(given.thread, thread_read(cause, command.thread_id, at.sender, mark), written, mark=mark)
    thread = living(given)
    if thread is None:
        return THREAD_NOT_FOUND
    if command.seq > thread.last_seq:
        return Refused(Code.INVALID, "seq: is beyond the thread's last")
    mark = max(command.seq, given.mark or 0)
    after = thread._replace(position=at.position, write_time=write_time(thread, at))
    event = thread_read(cause, command.thread_id, at.sender, mark)
    return Applied(after, event, remember(command, given, at, json.dumps([mark, after.write_time])), mark=mark)
