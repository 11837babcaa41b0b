"""The manifest: what is in a bundle, what is left out and why, and the hash of every member."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from chat.domain.model import LearnerId
from chat.privacy.export.member import Member
from chat.privacy.export.policy import Policy
from schemas.timestamps import to_text

SCHEMA_VERSION = 1
PATH = "manifest.json"
SIGNATURE_PATH = "manifest.json.sig"

COUNTED = ("threads", "messages", "deleted_messages", "attachments", "read_marks")

_OTHERS = "they are another person's: a portable copy must not harm the rights of others (GDPR Article 20(4))"
WHY = {
    "expired_messages": "their retention had ended when they were read: they are kept no more",
    "withheld_threads": f"title and metadata: {_OTHERS}",
    "withheld_messages": f"sender, content and metadata: {_OTHERS}",
    "withheld_read_marks": _OTHERS,
}
_ALWAYS = (
    {
        "what": "deleted_threads",
        "count": None,
        "why": "nothing that was said in a deleted thread is kept, so nothing of it is here, nor how many there were",
    },
    {"what": "attached_files", "count": None, "why": "messages refer to them; the files are kept by another service"},
)


class Subject(NamedTuple):
    """Whose data a bundle holds, who asked for it, and by which policy."""

    learner: LearnerId
    request_id: str
    policy: Policy


class Span(NamedTuple):
    """Times of a bundle, in UTC milliseconds: rows were read between the first two."""

    read_from: int
    read_to: int
    expires_at: int


def describe(subject: Subject, span: Span, counts: Mapping[str, int]) -> dict[str, Any]:
    """All that a manifest says but of the members."""
    policy = subject.policy
    return {
        "schema_version": SCHEMA_VERSION,
        "request_id": subject.request_id,
        **subject.learner._asdict(),
        "policy": {
            "article": policy.article,
            "others": "withheld" if policy.withholds_others else "included",
            "own_senders": sorted(policy.own_senders),
        },
        "made_at": to_text(span.read_to),
        "expires_at": to_text(span.expires_at),
        "read_from": to_text(span.read_from),
        "read_to": to_text(span.read_to),
        "counts": {name: counts.get(name, 0) for name in COUNTED},
        "left_out": [
            *({"what": name, "count": counts[name], "why": why} for name, why in WHY.items() if counts.get(name)),
            *_ALWAYS,
        ],
    }


def render(told: Mapping[str, Any], members: Sequence[Member], key_id: str) -> bytes:
    """The manifest's exact bytes, which are what is signed."""
    signature = {"algorithm": "Ed25519", "file": SIGNATURE_PATH, "key_id": key_id}
    document = {**told, "members": list(map(_listed, members)), "signature": signature}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums by name."""
    summed: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            summed[name] = summed.get(name, 0) + count
    return summed


def _listed(member: Member) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "path": member.path,
        "media_type": member.media_type,
        "size": member.size,
        "sha256": member.sha256,
    }
    return listed if member.records is None else listed | {"records": member.records}
