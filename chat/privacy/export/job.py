"""The job of an export request: a bundle is built, then it is there to be fetched."""

import json
from collections.abc import Awaitable, Callable, Sequence

from chat.domain.model import Learner, LearnerId, Life
from chat.domain.privacy import Kind, Request
from chat.errors import BundleGone, JobFailed
from chat.privacy.export.build import BundleBuilder, Contents
from chat.privacy.export.manifest import Subject
from chat.privacy.export.policy import Article, Policy
from chat.privacy.job import Save
from chat.storage.export_reads import ExportReads
from schemas.timestamps import to_text

ERASED = "learner_erased"
CANCELLED = "cancelled"


class ExportJob:
    """Builds the bundle in one step: the store knows which chunks are there, so a step begun again goes on.

    `life_of` tells the learner's latest life, `reads_of` what reads that life's rows and opens its cells.
    """

    kind = Kind.EXPORT
    steps: Sequence[str] = ("build",)

    def __init__(
        self,
        builder: BundleBuilder,
        reads_of: Callable[[LearnerId], Awaitable[ExportReads]],
        life_of: Callable[[Learner], Awaitable[Life]],
        *,
        withholds_others: bool = True,
    ) -> None:
        self._builder, self._reads_of, self._life_of = builder, reads_of, life_of
        self._withholds_others = withholds_others

    async def do(self, request: Request, step: str, save: Save) -> str:
        """Raises what `BundleBuilder.build` does, and `JobFailed` where the learner was erased meanwhile."""
        if step not in self.steps:
            raise AssertionError(f"an export has no step {step}")
        try:
            return await self._build(request, save)
        except JobFailed:
            await self._builder.discard(*request.key)
            raise

    async def _build(self, request: Request, save: Save) -> str:
        learner = await self._living(request, None)

        async def progress(chunk: str) -> None:
            await self._living(request, learner.generation)
            await save(json.dumps({"generation": learner.generation, "chunk": chunk}))

        subject = self._subject(request, learner)
        try:
            contents = await self._builder.build(await self._reads_of(learner), subject, progress)
        except BundleGone as error:
            raise JobFailed(CANCELLED) from error
        return _receipt(contents)

    async def _living(self, request: Request, begun: int | None) -> LearnerId:
        """The life whose rows are exported, `begun` where that is known: an erasure ends the export, and a new life
        does not go on with it.
        """
        learner = Learner(request.key.tenant_id, request.learner_id)
        life = await self._life_of(learner)
        begun = json.loads(request.notes)["generation"] if begun is None and request.notes else begun
        if not life.alive or begun not in {None, life.generation}:
            raise JobFailed(ERASED)
        return life.of(learner)

    def _subject(self, request: Request, learner: LearnerId) -> Subject:
        article = Article.PORTABILITY if request.reason == Article.PORTABILITY else Article.ACCESS
        own = frozenset({learner.learner_id})
        policy = Policy.of(article, own, portability_withholds=self._withholds_others)
        return Subject(learner, request.key.request_id, policy)


def _receipt(contents: Contents) -> str:
    """What the bundle is known by, and until when it can be fetched."""
    return json.dumps(
        {
            "manifest_sha256": contents.manifest_sha256,
            "key_id": contents.key_id,
            "counts": contents.counts,
            "expires_at": to_text(contents.expires_at),
        }
    )
