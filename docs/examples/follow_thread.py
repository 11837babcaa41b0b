"""Follows a thread live: prints each new message as a JSON line, its seq and its content, until the thread is gone.

The token is read from its file before each connection, so that whoever renews it there keeps the stream going.

    python docs/examples/follow_thread.py API THREAD_ID TOKEN_FILE [AFTER_SEQ]
"""

import sys
from pathlib import Path

import orjson

from chat.sdk.live import LiveStream, Posted, Reconnecting


def main(api: str, thread_id: str, token: Path, after_seq: int | None) -> None:
    """Everything but the messages is told on stderr."""
    with LiveStream(api, token=lambda: token.read_text().strip()) as live:
        for event in live.follow(thread_id, after_seq):
            if isinstance(event, Posted):
                line = [event.message.seq, event.message.content]
                sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                sys.stdout.flush()
            elif isinstance(event, Reconnecting):
                sys.stderr.write(f"{event.reason}: connecting again in {event.seconds:.1f} s\n")


if __name__ == "__main__":
    api, thread_id, token_file, *after = sys.argv[1:]
    main(api, thread_id, Path(token_file), int(after[0]) if after else None)
