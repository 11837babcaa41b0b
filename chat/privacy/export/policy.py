"""What of a learner's threads a bundle shows, by the article of the GDPR that it answers."""

from enum import StrEnum
from typing import NamedTuple


class Article(StrEnum):
    """What the learner asks for."""

    ACCESS = "access"
    """Article 15: everything in the learner's threads, in which other people's words are part of the talk."""

    PORTABILITY = "portability"
    """Article 20: what the learner has given, for another service; it must not harm the rights of others."""


class Policy(NamedTuple):
    """`own_senders` are the users who are the learner; of all others nothing is shown where `withholds_others`."""

    article: Article
    own_senders: frozenset[str]
    withholds_others: bool

    @classmethod
    def of(cls, article: Article, own_senders: frozenset[str], *, portability_withholds: bool = True) -> "Policy":
        """The policy of an article; `portability_withholds` is the switch that the operator has for Article 20."""
        return cls(article, own_senders, article is Article.PORTABILITY and portability_withholds)

    def hides(self, user_id: str) -> bool:
        """Whether this user's words are left out."""
        return self.withholds_others and user_id not in self.own_senders
