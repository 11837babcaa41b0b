"""A CQL script cut into its statements."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | //[^\n]* | /\*.*?\*/ )
    | (?P<text> '(?:[^']|'')*' | "(?:[^"]|"")*" | \$\$.*?\$\$ )
    | (?P<end> ; )
    | (?P<open> /\* | ' | " | \$\$ )
    | (?P<rest> . )
    """,
    re.DOTALL | re.VERBOSE,
)


def statements(script: str) -> Iterator[str]:
    """Every statement without its semicolon; comments are left out, and strings and quoted names left as they are.

    BEGIN BATCH is not known here. Raises ValueError where a comment, a string or the last statement has no end.
    """
    statement = ""
    for token in _TOKEN.finditer(script):
        match token.lastgroup:
            case "comment":
                statement += " "
            case "end":
                yield from _filled(statement)
                statement = ""
            case "open":
                raise ValueError(f"{token.group()} is opened and never closed")
            case _:
                statement += token.group()
    if statement.strip():
        raise ValueError("the last statement has no semicolon")


def _filled(statement: str) -> list[str]:
    return [statement.strip()] if statement.strip() else []
