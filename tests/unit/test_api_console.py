"""The console's files as they are served: under which policy, how long they are kept, and nothing else."""

import re
from pathlib import Path

import pytest

import api
from chat.storage.memory_reads import MemoryHistory
from tests.api_client import ApiClient, client_of, make_app

FOLDER = Path(api.__file__).parent / "console"
NAMES = sorted(one.name for one in FOLDER.iterdir() if one.name != "index.html")
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@pytest.fixture
def client() -> ApiClient:
    return client_of(make_app(MemoryHistory()))


def policy_of(header: str) -> dict[str, str]:
    """A content security policy by directive."""
    return dict(rule.strip().partition(" ")[::2] for rule in header.split(";"))


async def test_the_page_may_run_this_services_files_alone(client: ApiClient) -> None:
    """Nothing by default, nothing inline, no evaluation, no form, no frame, and no text becomes markup."""
    answer = await client.get("/console")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert policy_of(answer.headers["content-security-policy"]) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_page_holds_nothing_inline_and_names_no_other_host(client: ApiClient) -> None:
    """Its scripts and styles are files beside it, by relative address, so that it works behind a prefix."""
    page = (await client.get("/console")).text
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == [""]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page)) == {"console/console.css", "console/main.js"}
    for text in [page, *((FOLDER / name).read_text() for name in NAMES)]:
        assert not re.search(r"https?:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)


@pytest.mark.parametrize("name", NAMES)
async def test_every_file_of_it_is_served(client: ApiClient, name: str) -> None:
    """As its own kind; and what a script imports is among them."""
    answer = await client.get(f"/console/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, KINDS[Path(name).suffix])
    assert answer.text == (FOLDER / name).read_text()
    assert set(re.findall(r'from "\./([^"]+)"', answer.text)) <= set(NAMES)


@pytest.mark.parametrize("path", ["/console", "/console/main.js", "/console/console.css"])
async def test_a_held_file_is_asked_about_and_not_sent_again(client: ApiClient, path: str) -> None:
    """`no-cache` with a tag: 304 under the same tag, the file under any other."""
    first = await client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    held = await client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", first.headers["etag"])
    assert held.headers["cache-control"] == "no-cache"
    assert (await client.get(path, headers={"if-none-match": '"other"'})).content == first.content


@pytest.mark.parametrize("name", ["index.html", "../app.py", "..%2fapp.py", "%2e%2e/app.py", "nothing.js", ""])
async def test_no_other_file_is_served(client: ApiClient, name: str) -> None:
    """Not the page under a second name, whose policy would be another, and nothing outside."""
    assert (await client.get(f"/console/{name}")).status_code == 404


async def test_the_description_does_not_list_it(client: ApiClient) -> None:
    """A page is no part of the API."""
    assert "/console" not in (await client.json("/openapi.json"))["paths"]
