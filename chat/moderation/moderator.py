"""Content in the light of the rules of its time."""

from bisect import bisect_right
from collections.abc import Sequence

import structlog

from chat.domain.moderation import Judged
from chat.domain.validate import MAX_CONTENT_BYTES
from chat.moderation.rules import EVERY_TENANT, Hook, Version, find_hook
from chat.moderation.word_list import WordList, Words

_log = structlog.get_logger()


class Moderator:
    """`versions` with the time from which each holds, in milliseconds and in that order. See `Moderate`."""

    def __init__(self, versions: Sequence[tuple[int, Version]]) -> None:
        self._since = [since for since, _ in versions]
        self._judges = [_Judge(version) for _, version in versions]

    def __call__(self, tenant_id: str, content: str, time: int) -> Judged:
        """Before the first version everything is kept."""
        number = bisect_right(self._since, time)
        return self._judges[number - 1].judge(tenant_id, content) if number else Judged(content)


class _Judge:
    """One version's words and hook."""

    def __init__(self, version: Version) -> None:
        self._name = version.name
        self._lists = {tenant: WordList(words) for tenant, words in version.words.items()}
        self._others = self._lists.get(EVERY_TENANT, WordList(Words()))
        self._hook = find_hook(version.hook) if version.hook else None

    def judge(self, tenant_id: str, content: str) -> Judged:
        judged = self._lists.get(tenant_id, self._others).judge(content)
        if self._hook is None or judged.refused:
            return judged
        more = self._ask(self._hook, tenant_id, judged.content)
        return more._replace(flagged=judged.flagged or more.flagged)

    def _ask(self, hook: Hook, tenant_id: str, content: str) -> Judged:
        """What cannot be judged is not kept: its sender is told, and may send it again."""
        try:
            answer = hook(tenant_id, content)
        except Exception as error:  # noqa: BLE001 - an operator's code; the same on a replay, since it is pure
            _log.error("moderation_hook_failed", version=self._name, reason=type(error).__name__)
            return Judged(content, refused=True)
        if not _is_answer(answer, content):
            _log.error("moderation_hook_failed", version=self._name, reason="its answer is no `Judged` that fits")
            return Judged(content, refused=True)
        return answer


def _is_answer(answer: object, before: str) -> bool:
    if not isinstance(answer, Judged) or not isinstance(answer.content, str):
        return False
    try:
        size = len(answer.content.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return size <= MAX_CONTENT_BYTES and bool(answer.content) >= bool(before)
