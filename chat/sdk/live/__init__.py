"""A thread's live stream, followed over whatever ends a connection.

    from chat.sdk.live import LiveStream, Posted

    with LiveStream("https://chat.example", token=fresh_token) as live:
        for event in live.follow(thread_id, after_seq=16):
            if isinstance(event, Posted):
                print(event.message.seq, event.message.content)

`AsyncLiveStream` is the same for asyncio, with `async for`. See `docs/sdk.md`.
"""

from chat.sdk.live.async_stream import AsyncLiveStream
from chat.sdk.live.events import (
    Deleted,
    Edited,
    Ended,
    LiveEvent,
    Message,
    Posted,
    Reconnecting,
    Resync,
    Waiting,
)
from chat.sdk.live.stream import LiveStream

__all__ = [
    "AsyncLiveStream",
    "Deleted",
    "Edited",
    "Ended",
    "LiveEvent",
    "LiveStream",
    "Message",
    "Posted",
    "Reconnecting",
    "Resync",
    "Waiting",
]
