"""Why a command is refused: the contract's codes, in the order of the checks."""

from dataclasses import dataclass

from chat.domain.described import Described


class Code(Described):
    """The first check that fails gives the code; the order here is the order of the checks."""

    UNAUTHENTICATED = "unauthenticated", "no token, or one that does not count"
    TOKEN_EXPIRED = "token_expired", "the token had expired when the broker took the record"
    WRONG_TENANT = "wrong_tenant", "the token is another tenant's"
    KEY_MISMATCH = "key_mismatch", "the record's key or partition is not its learner's"
    OUT_OF_SCOPE = "out_of_scope", "the token does not reach the learner"
    FORBIDDEN = "forbidden", "the token lacks the permission, or the message is somebody else's"
    DISABLED = "disabled", "this service has the feature turned off"
    INVALID = "invalid", "a field breaks a rule, or the `command_id` stands for another body"
    LEARNER_ERASED = "learner_erased", "the learner was erased and has not been enrolled again"
    DUPLICATE = "duplicate", "applied before, with the `event_id` of then: clients count it as success"
    THREAD_EXISTS = "thread_exists", "the `thread_id` is taken, if only by a deleted thread"
    THREAD_NOT_FOUND = "thread_not_found", "the learner has no such thread"
    MESSAGE_EXISTS = "message_exists", "the `message_id` is taken by another command's message"
    MESSAGE_NOT_FOUND = "message_not_found", "the thread has no such message, or not any more"
    THREAD_FULL = "thread_full", "the thread has `MAX_MESSAGES_PER_THREAD` messages"
    MODERATED = "moderated", "the content was judged and is not kept"


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that will not be applied. `detail` is a sentence that never repeats input."""

    code: Code
    detail: str
    event_id: str | None = None
