"""Who may look and decide, and what students' texts can do to the pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from autograder.marking.actions import Marking
from autograder.marking.web import app
from autograder.marking.web.app import Application
from autograder.marking.web.desk import Desk
from autograder.records import Assignment, GradeReport, ShownOutput

from .conftest import WORDS, hand_in, with_answers

PORT, TOKEN = 8123, "a-secret-token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STATIC = Path(app.__file__).parent / "static"
HTMX = "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de"
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1))\n\n"
    "| a |\n|:-:|\n| $\\frac{x}{y}$ |\n\n![](http://evil.example/a.png)"
)


@pytest.fixture
def desk(results: Path, assignment: Assignment) -> Iterator[Desk]:
    with Marking(results, assignment) as marking:
        yield Desk(marking)


@pytest.fixture
def stranger(desk: Desk) -> TestClient:
    """A browser that has not been let in."""
    guarded = Application(desk, "Ines").guarded(port=PORT, token=TOKEN)
    return TestClient(guarded, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """A browser that has been let in."""
    stranger.get(f"/?token={TOKEN}")
    return stranger


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
    assert found
    return found[1]


def test_without_the_token_there_is_nothing_to_see(stranger: TestClient) -> None:
    for path in [*app.READ, "/static/marking.js", "/styles/0.css", "/?token=wrong", "/?token=%ff"]:
        answer = stranger.get(path)
        assert answer.status_code == 403
        assert "Token attribution" not in answer.text and "set-cookie" not in answer.headers


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_sees(stranger: TestClient) -> None:
    answer = stranger.get(f"/students?token={TOKEN}&x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/students?x=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    assert stranger.get("/students").status_code == 200


def test_the_entrance_leads_to_this_server_only(stranger: TestClient) -> None:
    answer = stranger.get(f"http://127.0.0.1:{PORT}//evil.example/?token={TOKEN}")
    assert answer.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", ""])
def test_another_name_for_this_machine_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421 and "Token attribution" not in answer.text


def test_localhost_is_this_machine(client: TestClient) -> None:
    assert client.get("/", headers={"host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/students", "/nothing/here/at/all", "/static/marking.js"])
def test_every_answer_carries_the_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def _addresses(desk: Desk) -> list[str]:
    key = desk.key(desk.marking.submissions.students()[0])
    filled = {"{round}": "q", "{question}": WORDS, "{key}": key, "{id}": "none"}
    paths = [*app.CHANGE, "/settings"]
    for name, value in filled.items():
        paths = [path.replace(name, value) for path in paths]
    return paths


def test_nothing_is_changed_without_the_token_of_a_form(client: TestClient, desk: Desk) -> None:
    for path in _addresses(desk):
        for form in ({}, {"csrf": "wrong"}, {"csrf": TOKEN}):
            assert client.post(path, data=form).status_code == 403, path
    assert desk.marking.store.last_row() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_nothing_is_changed_for_a_foreign_page(
    client: TestClient, desk: Desk, headers: dict[str, str]
) -> None:
    token = csrf(client)
    for path in _addresses(desk):
        assert client.post(path, data={"csrf": token}, headers=headers).status_code == 403
    assert desk.marking.store.last_row() == 0


def test_a_decision_with_the_token_is_written_down(client: TestClient, desk: Desk) -> None:
    student = desk.queue(WORDS)[0].student
    form = {"csrf": csrf(client), "adjustment": "2,5", "action": "save"}
    answer = client.post(f"/q/{WORDS}/{desk.key(student)}", data=form)
    assert answer.status_code == 303
    mark = desk.marking.state.mark(student, WORDS)
    assert mark is not None and (mark.points, mark.by) == (2.5, "Ines")


def test_a_script_in_an_answer_is_text_and_its_styles_are_a_stylesheet(
    client: TestClient, desk: Desk, example_reports: list[GradeReport]
) -> None:
    report = example_reports[0]
    answers = tuple(replace(one, answer=HOSTILE) for one in (*report.pending, *report.unanswered))
    shown = (
        ShownOutput(
            kind="html", content="<b style='color:red}body{display:none'>x</b><i style='color:blue'>y</i>"
        ),
    )
    hand_in(replace(with_answers(report, answers), shown=shown), desk.marking.folder)
    page = client.get(f"/q/{WORDS}/{desk.key(report.student)}").text
    body = page.partition('class="answer"')[2]
    assert "<script>alert" not in page and "onerror=alert" not in page.replace(
        "&lt;img src=x onerror=alert(1)&gt;", ""
    )
    assert "javascript:" not in re.sub(r"\[a\]\(javascript:alert\(1\)\)", "", body)
    assert "evil.example" not in page and "<math" in body
    assert " style=" not in page
    sheets = [client.get(path) for path in re.findall(r'href="(/styles/\w+\.css)"', page)]
    rules = "\n".join(sheet.text for sheet in sheets)
    assert all(sheet.headers["content-type"].startswith("text/css") for sheet in sheets)
    assert "text-align:center" in rules and "color:blue" in rules and "display" not in rules


def test_no_page_has_inline_code_or_asks_for_anything_elsewhere(client: TestClient, desk: Desk) -> None:
    key = desk.key(desk.queue(WORDS)[0].student)
    for path in (
        "/",
        f"/q/{WORDS}/{key}",
        f"/students/{key}",
        "/mistakes",
        "/log",
        "/sharing",
        "/requests",
        "/review",
    ):
        page = client.get(path).text
        assert not re.search(r"<style|\son\w+=|\sstyle=|hx-on|<script>|javascript:|<iframe|<base", page), path
        assert not re.findall(r'(?:src|href|action)="(?!/|#|data:)', page), path
        assert re.findall(r"<script[^>]*>", page) == [
            '<script src="/static/htmx.min.js" defer>',
            '<script src="/static/marking.js" defer>',
        ]


def test_htmx_is_the_published_one_and_its_risky_parts_are_off(client: TestClient) -> None:
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX
    assert "Zero-Clause BSD" in (STATIC / "htmx.LICENSE.txt").read_text()
    page = client.get("/").text
    assert '"allowEval":false' in page and '"includeIndicatorStyles":false' in page


@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "http://evil.example"])
def test_a_form_cannot_lead_elsewhere(client: TestClient, back: str) -> None:
    answer = client.post("/settings", data={"csrf": csrf(client), "names": "1", "back": back})
    location = answer.headers["location"]
    assert location.startswith("/") and not location.startswith(("//", "/\\"))
