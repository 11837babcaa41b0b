"""A learner without its id: what tables that outlive an erasure are keyed by."""

import hashlib
from typing import NamedTuple

from chat.domain.model import Learner
from chat.domain.partition import learner_key

SECRET = "subject"  # noqa: S105 - the name of a service secret


THEMSELVES = "the learner"
"""Who acts where a learner's token asks for itself: no id, for it has a space."""


class Subjects(NamedTuple):
    """Makes subjects with the service secret `subject`, 32 bytes."""

    secret: bytes

    def of(self, learner: Learner) -> bytes:
        """A keyed BLAKE2b of `<tenant_id>/<learner_id>`, 32 bytes: nobody can try ids without the secret."""
        return hashlib.blake2b(learner_key(*learner).encode(), key=self.secret, digest_size=32).digest()


def actor(user_id: str, as_learner: bytes, subject: bytes) -> str:
    """What the audit of a subject calls who acted, whose own id makes the subject `as_learner`: the audit outlives the
    learner, and is to hold no id of theirs.
    """
    return THEMSELVES if as_learner == subject else user_id
