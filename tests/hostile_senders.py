"""Commands of senders who may not send them: each is an accepted one in all but one property."""

import random
from itertools import combinations

from chat.domain.partition import learner_key
from chat.domain.principal import Permission
from tests.command_forge import (
    HOME,
    KEY,
    LEARNER,
    LONG,
    MESSAGE,
    OTHERS_THREAD,
    TENANT,
    USED,
    CommandForge,
    Made,
    bearer,
)
from tests.hostile_tokens import EACH
from tests.records import NOW, PARTITIONS, uid


def authorization(forge: CommandForge) -> Made:
    good = b"Bearer " + forge.token.encode()
    named = ("authorization ", "authorisation", "x-authorization", "proxy-authorization", "token")
    schemes = (
        b"Basic",
        b"bearer:",
        b"Bearer=",
        b"JWT",
        b"Token",
        b"",
        b"BearerBearer",
        b"Bearer\xc2\xa0",
        b"MAC",
        b"Digest",
    )
    headers: list[tuple[tuple[str, bytes], ...]] = [
        (),
        (("authorization", good),) * 2,
        (("authorization", good), ("authorization", b"")),
    ]
    headers += [((name, good),) for name in named]
    headers += [(("authorization", scheme + b" " + forge.token.encode()),) for scheme in schemes]
    headers += [(("authorization", good[:length]),) for length in range(0, len(good) - 1, len(good) // EACH)]
    yield from (forge.attempt(forge.fields(), headers=one) for one in headers)


def another_tenant(forge: CommandForge) -> Made:
    yield from (forge.attempt(forge.fields(tenant_id=f"tenant-{number + 2}")) for number in range(EACH))


def another_tenants_token(forge: CommandForge) -> Made:
    yield from (
        forge.attempt(forge.fields(), bearer(tenant=f"tenant-{number + 2}", learners=[LEARNER]))
        for number in range(EACH)
    )


def another_learner(forge: CommandForge) -> Made:
    yield from (forge.attempt(forge.fields(learner_id=f"learner-{number + 2}")) for number in range(EACH))
    yield from (
        forge.attempt(forge.fields(learner_id=one)) for one in ("*", "learner-", "Learner-1", "learner-1.", "~")
    )


def no_scope(forge: CommandForge) -> Made:
    scopes: list[list[str]] = [
        [],
        *([f"learner-{number + 2}"] for number in range(EACH)),
        ["Learner-1"],
        ["learner-11"],
    ]
    yield from (forge.attempt(forge.fields(), bearer(learners=scope)) for scope in scopes)


def another_key(forge: CommandForge) -> Made:
    odd = (
        None,
        b"",
        KEY[:-1],
        KEY + b" ",
        KEY + b"/",
        b"/" + KEY,
        KEY.upper(),
        KEY.replace(b"/", b"//"),
        KEY + b"\x00",
    )
    others = [learner_key(TENANT, f"learner-{number + 2}").encode() for number in range(EACH)]
    yield from (forge.attempt(forge.fields(), key=one) for one in (*odd, *others))


def another_partition(forge: CommandForge) -> Made:
    for number in range(EACH):
        yield forge.attempt(forge.fields(), partition=(HOME + 1 + number % (PARTITIONS - 1)) % PARTITIONS)


def no_permission(forge: CommandForge) -> Made:
    others = sorted(set(Permission) - {Permission.MESSAGES_WRITE})
    lists = [list(some) for size in range(4) for some in combinations(others, size)]
    yield from (forge.attempt(forge.fields(), bearer(learners=[LEARNER], permissions=some)) for some in lists)
    yield from (
        forge.attempt(forge.fields(), bearer(learners=[LEARNER], role=one)) for one in ("service", "compliance")
    )


def bad_time(forge: CommandForge) -> Made:
    for number in range(EACH):
        yield forge.attempt(forge.fields(), bearer(learners=[LEARNER], exp=NOW // 1000 - number - 1))
        yield forge.attempt(forge.fields(), bearer(learners=[LEARNER], nbf=NOW // 1000 + LONG - number - 100))


def services_own(forge: CommandForge) -> Made:
    for number in range(EACH):
        seal = b"Service " + random.Random(number).randbytes(32).hex().encode()
        fence = {
            "type": "FenceLearner",
            "command_id": uid(3, 5_000 + number),
            "tenant_id": TENANT,
            "learner_id": LEARNER,
        }
        fields = {**fence, "request_id": uid(4, number), "generation": 1}
        yield forge.attempt(fields)
        yield forge.attempt(fields, headers=(("authorization", seal),))
        yield forge.attempt(forge.other("ExpireThread", active_at=NOW + number))


def privacy_commands(forge: CommandForge) -> Made:
    for number in range(EACH):
        for name in ("ExportLearnerData", "DeleteLearnerData", "EnrolLearner"):
            ids = {"command_id": uid(3, 6_000 + number), "tenant_id": TENANT, "learner_id": LEARNER}
            reason = {} if name == "EnrolLearner" else {"reason": "other"}
            yield forge.attempt({"type": name, **ids, "request_id": uid(4, number), **reason})


def used_id(forge: CommandForge) -> Made:
    for number in range(EACH):
        yield forge.attempt(forge.fields(message_id=MESSAGE))
        yield forge.attempt(forge.fields(command_id=USED, content=f"other words {number}"))


def foreign_thread(forge: CommandForge) -> Made:
    for number in range(EACH):
        yield forge.attempt(forge.fields(thread_id=OTHERS_THREAD))
        yield forge.attempt(forge.fields(thread_id=uid(1, 100 + number)))


def foreign_message(forge: CommandForge) -> Made:
    """MESSAGE is the teacher's own: others of the same learner may neither edit nor delete it."""
    for number in range(EACH):
        other = bearer(user=f"teacher-{number + 2}", learners=[LEARNER])
        yield forge.attempt(forge.other("EditMessage", message_id=MESSAGE, content="forged"), other)
        yield forge.attempt(forge.other("DeleteMessage", message_id=MESSAGE), other)
