"""Commands of people who may send them. What becomes of each depends on what was applied before it."""

from typing import Any

from tests.oracle.hand import Hand, Talk
from tests.oracle.intents import Intent


def create(hand: Hand, learner: tuple[str, str] | None = None, **changes: Any) -> Intent:
    """A new thread."""
    fields = hand.identity(learner or hand.random.choice(hand.learners)) | {
        "thread_id": hand.uuid(),
        "title": hand.words()[:200],
        "metadata": hand.metadata(),
    }
    hand.talks.append(Talk((fields["tenant_id"], fields["learner_id"]), fields["thread_id"]))
    return hand.command("CreateThread", fields | changes)


def update(hand: Hand) -> Intent:
    """Another title, other metadata, both or neither."""
    title = hand.random.choice((None, hand.words()[:200]))
    metadata = hand.random.choice((None, hand.metadata()))
    return hand.command("UpdateThread", hand.of(hand.talk()) | {"title": title, "metadata": metadata})


def delete_thread(hand: Hand) -> Intent:
    """The end of a thread, of which most people hear."""
    talk = hand.talk()
    if hand.random.random() < 0.8 and len(hand.talks) > len(hand.learners):
        hand.talks.remove(talk)
    fields = hand.of(talk)
    return hand.command("DeleteThread", fields, hand.claims(fields, "admin", "admin", "teacher"))


def post(hand: Hand) -> Intent:
    """A message."""
    talk = hand.talk()
    return _post(hand, talk, hand.posting(talk))


def reply(hand: Hand) -> Intent:
    """A message that names another one."""
    talk, to = hand.spoken()
    return _post(hand, talk, hand.posting(talk) | {"reply_to": to})


def _post(hand: Hand, talk: Talk, fields: dict[str, Any]) -> Intent:
    claims = hand.claims(fields, "teacher", "guardian", "admin", "learner")
    talk.senders[fields["message_id"]] = claims["user_id"]
    return hand.command("PostMessage", fields, claims)


def edit(hand: Hand) -> Intent:
    """Mostly by its sender, now and then with no words at all, which only a caption may have."""
    talk, message_id = hand.spoken()
    content = "" if hand.random.random() < 0.1 else hand.words()
    metadata = hand.random.choice((None, None, hand.metadata()))
    fields = hand.of(talk) | {"message_id": message_id, "content": content, "metadata": metadata}
    return hand.command("EditMessage", fields, hand.claims(fields, user=_somebody(hand, talk, message_id)))


def delete(hand: Hand) -> Intent:
    """By its sender, by a moderator, or by somebody who is neither."""
    talk, message_id = hand.spoken()
    fields = hand.of(talk) | {"message_id": message_id}
    return hand.command("DeleteMessage", fields, hand.claims(fields, user=_somebody(hand, talk, message_id)))


def moderate(hand: Hand) -> Intent:
    """By somebody who may do nothing else."""
    talk, message_id = hand.spoken()
    fields = hand.of(talk) | {"message_id": message_id}
    claims = hand.claims(fields, "teacher") | {"permissions": ["messages:moderate"]}
    return hand.command("DeleteMessage", fields, claims)


def mark(hand: Hand) -> Intent:
    """Anywhere in the thread, forward or back, now and then beyond its end."""
    talk = hand.talk()
    fields = hand.of(talk) | {"seq": hand.random.randrange(len(talk.senders) + 2)}
    return hand.command("MarkRead", fields, hand.claims(fields, "learner", "guardian", "teacher", "compliance"))


def again(hand: Hand) -> Intent:
    """The same command, perhaps in the other encoding, by whoever may send it."""
    earlier = hand.before()
    return hand.command(earlier.type, dict(earlier.fields), hand.claims(earlier.fields, "admin"))


def _somebody(hand: Hand, talk: Talk, message_id: str) -> str:
    return talk.senders.get(message_id, "") if hand.random.random() < 0.7 else ""
