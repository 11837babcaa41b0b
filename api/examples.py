"""Example answers for the API's description, rendered by what renders the answers themselves."""

from collections.abc import Mapping
from typing import Any

import orjson

from api import problems, rendering
from api.problem_codes import ProblemCode
from chat.domain.model import FIRST_GENERATION, Details, LearnerId, Message
from chat.storage.history import ShownThread

_THREAD_ID = "0199c0de-0000-7000-8000-000000000001"
_MESSAGE_ID = "0199c0de-0000-7000-8000-000000000002"
_HUSK_ID = "0199c0de-0000-7000-8000-000000000003"
_BEGAN = 1_768_473_000_000  # 2026-01-15T10:30:00Z
_CURSOR = "Kx0Wq3vJm0y2c9uT5rXa3lsibmV3ZXN0Iiw5MjIzMzcyMDM2ODU0Nzc1ODA3LGZhbHNlLDE2XQ"

_LEARNER = LearnerId("school-2", "ada", FIRST_GENERATION)
_THREAD = ShownThread(
    _THREAD_ID, Details("Fractions", '{"class":"4b"}', "ms-noether", _BEGAN, _BEGAN), 17, _BEGAN + 61_500
)
_MESSAGE = Message(
    message_id=_MESSAGE_ID,
    thread_id=_THREAD_ID,
    seq=17,
    sender_id="ms-noether",
    content="Which is more, 2/3 or 3/5?",
    message_type="text",
    reply_to=None,
    metadata="{}",
    created_at=_BEGAN + 61_500,
    updated_at=_BEGAN + 61_500,
)
_HUSK = _MESSAGE._replace(
    message_id=_HUSK_ID,
    seq=16,
    sender_id="ada",
    content=None,
    created_at=_BEGAN + 30_000,
    updated_at=_BEGAN + 45_000,
    deleted_at=_BEGAN + 45_000,
)


def _plain(answer: Any) -> Any:
    """As a reader of the JSON has it."""
    return orjson.loads(orjson.dumps(answer))


_SHOWN_THREAD = _plain(rendering.thread(_LEARNER, _THREAD, 15))
_SHOWN_MESSAGE, _SHOWN_HUSK = _plain(rendering.message(_MESSAGE)), _plain(rendering.message(_HUSK))
_COMPLAINTS = ({"field": "limit", "rule": "Input should be less than or equal to 200"},)

_AUDIT = [
    {
        "at": "2026-01-15T10:30:00.000Z",
        "request_id": "0199c0de-0000-7000-8000-000000000003",
        "actor": "officer-1",
        "action": "requested",
        "code": "access",
    }
]
_SHOWN_REQUEST = {
    "request_id": "0199c0de-0000-7000-8000-000000000003",
    "tenant_id": "school-2",
    "kind": "export",
    "state": "running",
    "reason": "access",
    "reason_code": "access",
    "step": None,
    "requested_by": "officer-1",
    "requested_at": "2026-01-15T10:30:00.000Z",
    "updated_at": "2026-01-15T10:30:01.000Z",
    "receipt": None,
    "audit": _AUDIT,
}

_REFUSAL = _plain(
    rendering.refusal(
        {
            "command_id": "0199c0de-0000-7000-8000-00000000000b",
            "code": "thread_not_found",
            "detail": "the learner has no such thread",
            "event_id": None,
            "topic": "chat.commands",
            "partition": 5,
            "offset": 412,
            "timestamp": _BEGAN + 61_500,
        }
    )
)

_SIGNING_KEY = {  # RFC 8037, appendix A
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "use": "sig",
    "alg": "EdDSA",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
}

_COMMAND_KEY = {  # RFC 8037, appendix A.6
    "kty": "OKP",
    "crv": "X25519",
    "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
    "use": "enc",
    "kid": "giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8",
}

ANSWERS: Mapping[tuple[str, int], Mapping[str, Any]] = {
    ("Thread", 200): {"A thread, two of its messages unread": _SHOWN_THREAD},
    ("ThreadPage", 200): {
        "The last page": {"items": [_SHOWN_THREAD], "next_cursor": None},
        "A learner without threads": {"items": [], "next_cursor": None},
    },
    ("Message", 200): {"A message": _SHOWN_MESSAGE, "The husk of a deleted message": _SHOWN_HUSK},
    ("MessagePage", 200): {
        "The newest two of seventeen": {
            "items": [_SHOWN_MESSAGE, _SHOWN_HUSK],
            "next_cursor": _CURSOR,
            "prev_cursor": None,
            "last_seq": 17,
        }
    },
    ("PrivacyRequest", 200): {"An export that runs": _SHOWN_REQUEST},
    ("PrivacyRequestPage", 200): {"The last page": {"items": [_SHOWN_REQUEST], "next_cursor": None}},
    ("RefusalPage", 200): {
        "All of the last days": {"items": [_REFUSAL], "next_cursor": None, "since": None},
        "None among the newest records": {"items": [], "next_cursor": _CURSOR, "since": "2026-01-15T10:30:00.000Z"},
    },
    ("SigningKeys", 200): {"One key": {"keys": [_SIGNING_KEY]}},
    ("CommandKeys", 200): {"The key": {"keys": [_COMMAND_KEY]}},
    ("AuditPage", 200): {"The last page": {"items": _AUDIT, "next_cursor": None}},
    ("Service", 200): {
        "Two features on": {
            "service": "aivo-chat",
            "version": "0.1.0",
            "features": {"rate_limiting": True, "message_retention": True, "streaming": False},
        }
    },
    ("Liveness", 200): {"Live": {"status": "live"}},
    ("Readiness", 200): {"Ready": {"status": "ready", "cassandra": "up", "kafka": "up"}},
    ("Readiness", 503): {"Cassandra is away": {"status": "not ready", "cassandra": "down", "kafka": "up"}},
}
"""By the document's name and the status, then by what the example shows."""

PROBLEMS: Mapping[ProblemCode, Mapping[str, Any]] = {
    code: _plain(problems.body(code, detail, _COMPLAINTS if code is ProblemCode.INVALID else ()))
    for code, detail in {
        ProblemCode.INVALID: problems.RULE_BROKEN,
        ProblemCode.UNAUTHENTICATED: "one header `Authorization: Bearer <JWT>` is needed",
        ProblemCode.TOKEN_EXPIRED: "the token has expired",
        ProblemCode.FORBIDDEN: "the token lacks the permission threads:read",
        ProblemCode.NOT_FOUND: problems.NOTHING_HERE,
        ProblemCode.METHOD_NOT_ALLOWED: problems.READ_ONLY,
        ProblemCode.RATE_LIMITED: "more than 60 requests a minute from one address",
        ProblemCode.INTERNAL: problems.OUR_FAULT,
        ProblemCode.UNAVAILABLE: problems.STORE_AWAY,
    }.items()
}
"""By code, as the service says it."""
