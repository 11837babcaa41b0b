"""The file of rules (MODERATION_FILE): versions, each with the tenants' words and, if wanted, a hook.

```json
{"versions": [{"name": "2026-11", "words": {"*": {"mask": ["darn"]}, "tenant-1": {"refuse": ["snipe*"]}}},
              {"name": "2026-12", "from": "2026-12-01T00:00:00Z", "words": {…}, "hook": "our_rules.december:judge"}]}
```
A version is never changed or taken out: what was judged by it is judged by it again when the log is read again.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from chat.domain.moderation import Judged
from chat.errors import ModerationUnfit
from chat.moderation.word_list import Words

EVERY_TENANT = "*"
"""The tenant whose words are those of everybody who has none of their own."""

Hook = Callable[[str, str], Judged]
"""An operator's own judgement of a tenant's content, after the words: pure, and quick."""


class Version(BaseModel):
    """Rules that hold from `begins` on, or from the moment when a worker first sees them, whichever is later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    begins: AwareDatetime = Field(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), alias="from")
    words: dict[str, Words] = {}
    hook: str = Field("", pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")

    def digest(self) -> bytes:
        """SHA-256 of all that it says; of a hook that is its name only."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).digest()


class Rules(BaseModel):
    """All versions, the oldest first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    versions: tuple[Version, ...] = Field(min_length=1)

    @field_validator("versions")
    @classmethod
    def _in_order(cls, versions: tuple[Version, ...]) -> tuple[Version, ...]:
        names, times = [one.name for one in versions], [one.begins for one in versions]
        if len(set(names)) < len(names):
            raise ValueError("two versions have one name")
        if times != sorted(times):
            raise ValueError("a version begins before the one above it")
        return versions


def read_rules(file: Path) -> Rules:
    """Raises `ModerationUnfit`, with the place and the rule and none of the words."""
    try:
        return Rules.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ModerationUnfit(f"MODERATION_FILE: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ModerationUnfit(f"MODERATION_FILE: {place or 'the file'}: {first['msg']}") from None


def find_hook(name: str) -> Hook:
    """The callable that `package.module:function` names. Raises `ModerationUnfit`."""
    module, _, function = name.partition(":")
    try:
        hook: Hook = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ModerationUnfit(f"MODERATION_FILE: the hook {name} is not there: {type(error).__name__}") from error
    return hook
