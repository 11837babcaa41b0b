"""Every kind of wrong record: used ids, senders who may not, and what is not where, or what, it must be."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import jwt

from tests.oracle.hand import Hand, bearing
from tests.oracle.intents import Intent

ANOTHER = {"title": "another body", "content": "another body", "seq": 1_000_000, "thread_id": None}
"""What makes another body of a command: the first of these that it has; None: another id."""

FORBIDDEN: Sequence[tuple[dict[str, Any], dict[str, Any]]] = (
    ({}, {"role": "compliance"}),
    ({}, {"role": "teacher", "permissions": []}),
    ({}, {"role": "service"}),
    ({"message_type": "system"}, {"role": "teacher"}),
)
INVALID: Sequence[dict[str, Any]] = (
    {"content": "", "message_type": "text"},
    {"content": "x" * 16_385},
    {"message_id": "no-uuid"},
    {"colour": "red"},
)


# Ids used twice


def reused_command(hand: Hand) -> Intent:
    """The same command id with another body."""
    earlier = hand.before()
    name = next(one for one in ANOTHER if one in earlier.fields)
    fields = dict(earlier.fields) | {name: ANOTHER[name] or hand.uuid()}
    return hand.command(earlier.type, fields, hand.claims(fields, "admin"))


def reused_command_of_another_type(hand: Hand) -> Intent:
    """The same command id for something else altogether."""
    earlier = hand.before()
    fields = {name: earlier.fields[name] for name in ("command_id", "tenant_id", "learner_id", "thread_id")}
    if earlier.type == "MarkRead":
        return hand.command("DeleteThread", fields, hand.claims(fields, "admin"))
    return hand.command("MarkRead", fields | {"seq": 0}, hand.claims(fields, "admin"))


def reused_message(hand: Hand) -> Intent:
    """Another command that posts under the same message id."""
    earlier = hand.before("PostMessage")
    return hand.command(earlier.type, {**earlier.fields, "command_id": hand.uuid()})


def reused_thread(hand: Hand) -> Intent:
    """By the same learner or by another one of the tenant."""
    earlier = hand.before("CreateThread")
    tenant = earlier.fields["tenant_id"]
    learner = hand.random.choice([one for one in hand.learners if one[0] == tenant])
    return hand.command("CreateThread", {**earlier.fields, **hand.identity(learner)})


# Senders who may not


def bad_token(hand: Hand) -> Intent:
    """No token, or none that is one."""
    good = hand.message()
    wrong = jwt.encode(hand.claims(good), "another secret, which is long enough", algorithm="HS256")
    no_role = {name: value for name, value in hand.claims(good).items() if name != "role"}
    bearers = (None, "Bearer nonsense", f"Bearer {wrong}", "Basic abc", bearing(no_role))
    return hand.command("PostMessage", good, None, bearer=hand.random.choice(bearers))


def expired(hand: Hand) -> Intent:
    """With a token that was good once."""
    good = hand.message()
    return hand.command("PostMessage", good, hand.claims(good) | {"exp": hand.now - 60})


def short_lived(hand: Hand) -> Intent:
    """Good or not, as the broker's clock has it."""
    good = hand.message()
    return hand.command("PostMessage", good, hand.claims(good) | {"exp": hand.now + 4})


def out_of_scope(hand: Hand) -> Intent:
    """By a teacher of somebody else, or by an admin, whom no scope binds."""
    good = hand.message()
    return hand.command("PostMessage", good, hand.claims(good) | {"learner_scope": ["somebody-else"]})


def wrong_tenant(hand: Hand) -> Intent:
    """By somebody of another tenant."""
    good = hand.message()
    return hand.command("PostMessage", good, hand.claims(good) | {"tenant_id": "another-tenant"})


def forbidden(hand: Hand) -> Intent:
    """By somebody whose token lacks the permission."""
    good = hand.message()
    fields, changes = hand.random.choice(FORBIDDEN)
    return hand.command("PostMessage", good | fields, hand.claims(good) | changes)


def forbidden_change(hand: Hand) -> Intent:
    """A change to a thread by somebody who only reads it."""
    fields = hand.of(hand.talk())
    record_type, more = hand.random.choice((("UpdateThread", {"title": "x", "metadata": None}), ("DeleteThread", {})))
    return hand.command(record_type, fields | more, hand.claims(fields, "learner", "compliance"))


# Records that are not where, or what, they must be


def wrong_key(hand: Hand) -> Intent:
    """Somebody else's key, or none."""
    return dataclasses.replace(
        hand.command("PostMessage", hand.message()), key=hand.random.choice((b"nobody/at-all", None))
    )


def wrong_partition(hand: Hand) -> Intent:
    """On a partition that is not its learner's."""
    return dataclasses.replace(hand.command("PostMessage", hand.message()), home=False)


def missing_thread(hand: Hand) -> Intent:
    """A post to a thread that nobody made."""
    return hand.command("PostMessage", hand.message() | {"thread_id": hand.uuid()})


def missing_message(hand: Hand) -> Intent:
    """About a message that nobody posted, or that is of another thread."""
    elsewhere = hand.spoken()[1] if hand.random.random() < 0.5 else hand.uuid()
    fields = hand.of(hand.talk()) | {"message_id": elsewhere}
    if hand.random.random() < 0.5:
        return hand.command("DeleteMessage", fields)
    return hand.command("EditMessage", fields | {"content": "x", "metadata": None})


def missing_reply(hand: Hand) -> Intent:
    """A reply to a message that nobody posted."""
    return hand.command("PostMessage", hand.message() | {"reply_to": hand.uuid()})


def invalid(hand: Hand) -> Intent:
    """A post that breaks a limit."""
    intent = hand.command("PostMessage", hand.message() | hand.random.choice(INVALID), as_json=True)
    return dataclasses.replace(intent, flaw="invalid")


def invalid_mark(hand: Hand) -> Intent:
    """A mark before the first message."""
    intent = hand.command("MarkRead", hand.of(hand.talk()) | {"seq": -1})
    return dataclasses.replace(intent, flaw="invalid")


def junk(hand: Hand) -> Intent:
    """What nobody can make sense of."""
    ids = hand.identity(hand.random.choice(hand.learners))
    code, value = hand.random.choice(
        [
            ("undecodable", b"\x01" + hand.random.randbytes(40)),
            ("undecodable", None),
            ("undecodable", b'{"type": "PostMessage", '),
            ("unknown_schema", b"\xc3\x01" + hand.random.randbytes(30)),
            ("unknown_type", json.dumps({"type": "DanceTango", **ids}).encode()),
            ("no_identity", json.dumps({"type": "PostMessage", "command_id": ids["command_id"]}).encode()),
        ]
    )
    key = f"{ids['tenant_id']}/{ids['learner_id']}".encode()
    return Intent(hand.next_number(), "", {}, None, "Bearer secret", key, value, flaw=code)
