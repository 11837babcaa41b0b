"""The bundle for a person: pages of plain HTML, which need no network and run no script."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import Any

from chat.domain.model import Message
from chat.privacy.export.lines import time
from chat.privacy.export.policy import Policy
from chat.storage.export_reads import ReadMark
from chat.storage.history import ShownThread

_name_of = lru_cache(maxsize=1024)(escape)
OF_ANOTHER = "<em>left out: of another person</em>"
_STYLE = """:root{color-scheme:light dark}body{font:1rem/1.5 system-ui;max-width:70rem;margin:auto;padding:1rem}
table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:bold;padding:.5rem 0}
th,td{border-bottom:1px solid;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
td.words{white-space:pre-wrap}"""


def thread(shown: ShownThread, policy: Policy) -> str:
    """A row of the table of threads."""
    details = shown.details
    hidden = policy.hides(details.created_by)
    title = OF_ANOTHER if hidden else escape(details.title)
    made_by = OF_ANOTHER if hidden else escape(details.created_by)
    made_at = time(details.created_at)
    return f"<tr><th scope=row>{shown.thread_id}<td>{title}<td>{made_by}<td>{made_at}<td>{shown.last_seq}\n"


def message(one: Message, *, hidden: bool) -> str:
    """A row of the table of messages."""
    sender = "<em>another person</em>" if hidden else _name_of(one.sender_id)
    return (
        f"<tr><td>{one.thread_id}<th scope=row>{one.seq}<td>{time(one.created_at)}<td>{sender}"
        f"<td class=words>{OF_ANOTHER if hidden else _words(one)}\n"
    )


def read_mark(mark: ReadMark) -> str:
    """A row of the table of read marks."""
    return f"<tr><th scope=row>{escape(mark.user_id)}<td>{mark.thread_id}<td>{mark.seq}\n"


def _words(one: Message) -> str:
    if one.content is None:
        return "<em>deleted</em>"
    words = escape(one.content)
    if one.message_type != "text":
        words = f"[{one.message_type}] {words}"
    return words if one.metadata == "{}" else f"{words}\n<small>{escape(one.metadata)}</small>"


def head(title: str) -> str:
    """A page up to its content; its policy forbids scripts and any request."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main><h1>{escape(title)}</h1>\n"
    )


FOOT = "</main></body></html>\n"


def table_head(title: str, columns: Sequence[str]) -> str:
    """A page of a section up to its rows."""
    names = "".join(f"<th scope=col>{escape(name)}" for name in columns)
    back = '<nav><a href="../index.html">Back to the overview</a></nav>\n'
    return f"{head(title)}{back}<table><caption>{escape(title)}</caption><thead><tr>{names}</thead><tbody>\n"


TABLE_FOOT = f"</tbody></table>\n{FOOT}"


def index(told: Mapping[str, Any], pages: Iterable[str]) -> str:
    """The overview of a bundle whose manifest says `told`, with links to its pages."""
    facts = {
        "Tenant": told["tenant_id"],
        "Learner": told["learner_id"],
        "Request": told["request_id"],
        "Answers": f"the right of {told['policy']['article']}",
        "Made at": told["made_at"],
        "Read between": f"{told['read_from']} and {told['read_to']}",
    }
    left_out = "".join(map(_left_out, told["left_out"]))
    links = "".join(f'<li><a href="{escape(path)}">{escape(path)}</a>\n' for path in pages)
    return (
        f"{head('What we keep of a learner')}"
        f"{_facts('About this bundle', facts)}{_facts('How much there is', told['counts'])}"
        f"<h2>What is left out, and why</h2>\n<ul>\n{left_out}</ul>\n"
        f"<h2>Pages</h2>\n<ul>\n{links}</ul>\n"
        "<p>The same is in the .jsonl files, one line of JSON each, for a program; schemas/ says what they hold."
        " manifest.json names every file with its size and SHA-256, and manifest.json.sig is its signature.</p>\n"
        f"{FOOT}"
    )


def _facts(title: str, facts: Mapping[str, Any]) -> str:
    rows = "".join(f"<tr><th scope=row>{escape(_name(name))}<td>{escape(str(fact))}\n" for name, fact in facts.items())
    return f"<table><caption>{escape(title)}</caption><tbody>\n{rows}</tbody></table>\n"


def _left_out(one: Mapping[str, Any]) -> str:
    count = "" if one["count"] is None else f"{one['count']} × "
    return f"<li>{count}{escape(_name(one['what']))}: {escape(one['why'])}\n"


def _name(name: str) -> str:
    return name.replace("_", " ").capitalize()
