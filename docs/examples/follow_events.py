"""A consumer of events: keeps how many messages each thread has, and prints it whenever it changes.

It takes the service's own settings, KAFKA_BOOTSTRAP_SERVERS and so on. A real consumer would keep its counts where it
keeps them durably; then, and only then, does its offset move on.

    python docs/examples/follow_events.py GROUP [IDLE_SECONDS]
"""

import sys
from collections import defaultdict

import orjson

from chat.sdk import Change, EventConsumer, Forgotten

Messages = dict[str, set[str]]


def take(messages: Messages, change: Change) -> str | None:
    """The thread whose messages a change was about, after they were noted; None where it is about no message."""
    thread, message = change.entity.thread_id, change.entity.message_id
    if thread is None or message is None:
        return None
    if isinstance(change, Forgotten) or change.event_type == "CHAT_MESSAGE_DELETED":
        messages[thread].discard(message)
    else:
        messages[thread].add(message)
    return thread


def main(group: str, idle_seconds: float | None) -> None:
    """A JSON line for each change of a thread: its id, and how many messages it has now."""
    messages: Messages = defaultdict(set)
    with EventConsumer(group) as events:
        for change in events.changes(idle_seconds=idle_seconds):
            thread = take(messages, change)
            if thread is not None:
                sys.stdout.buffer.write(orjson.dumps([thread, len(messages[thread])], option=orjson.OPT_APPEND_NEWLINE))
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else None)  # noqa: PLR2004 - the optional argument
