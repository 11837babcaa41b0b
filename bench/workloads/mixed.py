"""80 % posts, 10 % edits and 5 % deletes of messages sent before, 5 % new threads, to which the rest goes too."""

import random
from collections.abc import Iterator

from bench.workload import Intent, Place, Workload, post
from chat.ids import new_id

EDITED = "I meant: ¾ and ⅝ are hard, but ½ + ¼ I can do now."


def mixed(workload: Workload, commands: int, play: int) -> Iterator[Intent]:
    """Whoever edits and deletes is the sender; a message is deleted once, and not edited after it."""
    dice = random.Random(play)
    places = [workload.place(turn, play) for turn in range(workload.width)]
    sent: list[tuple[Place, str]] = []
    for _ in range(commands):
        thrown = dice.random()
        if thrown < 0.05:
            places.append(dice.choice(places)._replace(thread_id=new_id()))
            yield Intent.of("CreateThread", places[-1], role="teacher", title="Fractions", metadata="{}")
        elif thrown < 0.20 and sent:
            yield _change(sent, dice, delete=thrown < 0.10)
        else:
            one = post(dice.choice(places))
            sent.append((_place(one), one.fields["message_id"]))
            yield one


def _change(sent: list[tuple[Place, str]], dice: random.Random, *, delete: bool) -> Intent:
    chosen = dice.randrange(len(sent))
    at, message_id = sent[chosen]
    if not delete:
        return Intent.of("EditMessage", at, message_id=message_id, content=EDITED, metadata=None)
    del sent[chosen]
    return Intent.of("DeleteMessage", at, message_id=message_id)


def _place(one: Intent) -> Place:
    return Place(*(one.fields[name] for name in Place._fields))


MIXED = Workload("mixed", 4, threads=200, commands=mixed)
