"""A learner without its id: what tables that outlive an erasure are keyed by."""

import hashlib
from typing import NamedTuple

from chat.domain.model import Learner
from chat.domain.partition import learner_key

SECRET = "subject"  # noqa: S105 - the name of a service secret


class Subjects(NamedTuple):
    """Makes subjects with the service secret `subject`, 32 bytes."""

    secret: bytes

    def of(self, learner: Learner) -> bytes:
        """A keyed BLAKE2b of `<tenant_id>/<learner_id>`, 32 bytes: nobody can try ids without the secret."""
        return hashlib.blake2b(learner_key(*learner).encode(), key=self.secret, digest_size=32).digest()
