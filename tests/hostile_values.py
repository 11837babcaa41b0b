"""Commands that say what none may: each is an accepted one in all but one property."""

import json
import random
import string
import uuid
from typing import Any

from tests.command_forge import ATTACHMENT, HOME, KEY, LEARNER, TENANT, Attempt, CommandForge, Made, Make
from tests.hostile_tokens import EACH, NO_NAMES, NO_TEXTS
from tests.records import uid


def no_uuid(name: str) -> Make:
    def made(forge: CommandForge) -> Made:
        for number in range(12):
            good = str(uuid.UUID(int=random.Random(number).getrandbits(128), version=4)).replace("0", "a")
            for bad in (
                good.upper(),
                good.replace("-", ""),
                f"{{{good}}}",
                f"urn:uuid:{good}",
                good[:-1],
                f"{good}0",
                f" {good}",
            ):
                yield forge.attempt(forge.fields(**{name: bad}))
        yield from (forge.attempt(forge.fields(**{name: one})) for one in NO_TEXTS if one is not None)
        yield from (
            forge.attempt(forge.fields(**{name: one})) for one in ("", "null", "../../x", "' OR 1=1 --", "\u0000")
        )

    return made


def no_identifier(name: str) -> Make:
    def made(forge: CommandForge) -> Made:
        bad = sorted(set(string.printable) - set(string.ascii_letters + string.digits + "._~@:-"))
        good = {"tenant_id": TENANT, "learner_id": LEARNER}[name]
        for one in (*NO_NAMES, *NO_TEXTS, *(f"{good}{letter}" for letter in bad)):
            yield forge.attempt(forge.fields(**{name: one}), key=KEY, partition=HOME)

    return made


def bad_content(forge: CommandForge) -> Made:
    sizes = [16_385 + 101 * number for number in range(EACH)]
    yield from (forge.attempt(forge.fields(content="x" * size)) for size in sizes)
    yield from (forge.attempt(forge.fields(content="ä" * (size // 2 + 1))) for size in sizes[:10])
    yield from (forge.attempt(forge.fields(content=one)) for one in ("", *NO_TEXTS))
    yield from (forge.raw(forge.text().replace("words", f"\\ud{code:x}")) for code in range(0x800, 0x820))


def bad_type_of_message(forge: CommandForge) -> Made:
    odd = ("", "Text", "TEXT", "text ", "html", "system", "texts", "imag", "application/json", "0", "*", "text\u0000")
    yield from (forge.attempt(forge.fields(message_type=one)) for one in (*odd, *NO_TEXTS))
    yield from (forge.attempt(forge.fields(message_type=f"text{number}")) for number in range(EACH))


def bad_metadata(forge: CommandForge) -> Made:
    yield from (forge.attempt(forge.fields(metadata={"x": "y" * (8_192 + 50 * number)})) for number in range(EACH))
    yield from (forge.attempt(forge.fields(metadata=one)) for one in NO_TEXTS if one not in ({}, {"a": 1}))
    nested: Any = {}
    for depth in range(200):
        nested = {"x": nested}
        if depth >= 130:
            yield forge.attempt(forge.fields(metadata=nested))
    numbers = ("NaN", "Infinity", "-Infinity", "1" * 4_301)
    yield from (forge.raw(forge.text().replace('{"attach', f'{{"x": {one}, "attach')) for one in numbers)


def bad_attachment(forge: CommandForge) -> Made:
    def with_one(attachment: Any) -> Attempt:
        return forge.attempt(forge.fields(metadata={"attachments": [attachment]}))

    for name in ATTACHMENT:
        yield with_one({key: value for key, value in ATTACHMENT.items() if key != name})
        yield with_one({**ATTACHMENT, name: None})
        yield with_one({**ATTACHMENT, name: []})
        yield with_one({**ATTACHMENT, name: True})
    yield from (with_one({**ATTACHMENT, "bytes": one}) for one in (-1, "1", 1.5, -(2**63)))
    yield from (
        with_one({**ATTACHMENT, "sha256": one}) for one in ("", "0" * 63, "0" * 65, "A" * 64, "g" * 64, " " + "0" * 63)
    )
    yield from (with_one({**ATTACHMENT, f"x{number}": 1}) for number in range(EACH))
    yield from (with_one(one) for one in NO_TEXTS)
    yield from (forge.attempt(forge.fields(metadata={"attachments": one})) for one in NO_TEXTS if one != [])


def unknown_field(forge: CommandForge) -> Made:
    named = (
        "sender_id",
        "user_id",
        "role",
        "seq",
        "created_at",
        "generation",
        "permissions",
        "__proto__",
        "",
        "Content",
    )
    yield from (forge.attempt(forge.fields(**{one: "teacher-2"})) for one in named)
    yield from (forge.attempt(forge.fields(**{f"x{number}": number})) for number in range(EACH))


def name_twice(forge: CommandForge) -> Made:
    for name in forge.fields():
        for value in ("null", '"x"', "1", json.dumps(uid(1, 9))):
            yield forge.raw(forge.text().replace("{", f'{{"{name}": {value}, ', 1))


def missing_field(forge: CommandForge) -> Made:
    required = ("type", "command_id", "tenant_id", "learner_id", "thread_id", "message_id", "content")
    for name in required:
        others: tuple[Any, ...] = (None, "", 0, [], {}, False)
        for other in others:
            yield forge.attempt({**forge.fields(), name: other}, key=KEY, partition=HOME)
        fields = forge.fields()
        yield forge.attempt(fields, value=json.dumps({key: one for key, one in fields.items() if key != name}).encode())


def unknown_type(forge: CommandForge) -> Made:
    odd = (
        "",
        "postMessage",
        "PostMessage ",
        "Post",
        "POSTMESSAGE",
        "CommandRejected",
        "CHAT_MESSAGE_CREATED",
        "Fence",
        "*",
    )
    yield from (forge.attempt(forge.fields(type=one)) for one in (*odd, *NO_TEXTS))
    yield from (forge.attempt(forge.fields(type=f"PostMessage{number}")) for number in range(EACH))


def bad_mark(forge: CommandForge) -> Made:
    odd: tuple[Any, ...] = (-1, -(2**63), 2**63 - 1, 2**63, 10**30, 1.5, "1", True, None, [])
    yield from (forge.attempt(forge.mark(one)) for one in odd)
    yield from (forge.attempt(forge.mark(1_000_000 + number)) for number in range(EACH))


def json_cut(forge: CommandForge) -> Made:
    length = len(json.dumps(forge.fields()))
    yield from (forge.raw(forge.text()[:cut]) for cut in range(1, length, length // EACH))
    yield from (forge.raw(forge.text() + more) for more in ("}", "x", "{}", ",", "\x00", "]", "null"))


def avro_cut(forge: CommandForge) -> Made:
    length = len(forge.avro())
    yield from (forge.raw(forge.avro()[:cut]) for cut in range(0, length, length // EACH))
    yield from (forge.raw(forge.avro() + bytes(more)) for more in range(1, EACH))


def another_fingerprint(forge: CommandForge) -> Made:
    for bit in range(80):
        value = bytearray(forge.avro())
        value[bit // 8] ^= 1 << bit % 8
        yield forge.raw(bytes(value))


def no_record(forge: CommandForge) -> Made:
    values: list[bytes | None] = [
        None,
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"\xef\xbb\xbf{}",
        b"\x00\x00\x00\x00\x01x",
    ]
    values += [random.Random(number).randbytes(1 + 3 * number) for number in range(EACH)]
    values += [forge.text().encode(name) for name in ("utf-16", "utf-32", "utf-8-sig")]
    yield from map(forge.raw, values)
