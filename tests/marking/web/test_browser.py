"""Marking in a real browser: by keyboard alone, by two people at once, and through a crash of the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from autograder.marking.records import Decision, Mark
from autograder.marking.state import MarkingState
from autograder.marking.store import MarkingStore
from autograder.marking.web.desk import student_key
from autograder.records import Assignment, GradeReport

from .conftest import BASELINE, WORDS, Server, hand_in, with_answers

pytestmark = pytest.mark.browser
Serve = Callable[..., Server]


@dataclass(kw_only=True)
class Assistant:
    """A person at a browser who counts the keys that they press."""

    page: Any
    base: str
    keys: int = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def save(self, key: str = "Enter") -> None:
        """Save, and wait for what comes next."""
        self.page.evaluate("document.querySelector('main').dataset.old = 'yes'")
        self.press(key)
        self.page.locator("main:not([data-old])").wait_for()

    def text(self, selector: str = "main") -> str:
        return str(self.page.locator(selector).inner_text())


@pytest.fixture
def arrive(browser: Any) -> Iterator[Callable[..., Assistant]]:
    """Opens a browser at a server; whatever the pages say to the console fails the test."""
    contexts: list[Any] = []
    said: list[str] = []

    def open_browser(server: Server, **options: Any) -> Assistant:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: None if _is_own(request.url, server) else said.append(request.url))
        page.goto(server.url)
        return Assistant(page=page, base=server.base)

    yield open_browser
    for context in contexts:
        context.close()
    # Chromium itself logs answers with an error status, and those that did not come.
    assert [text for text in said if not text.startswith(("Failed to load resource", "htmx:"))] == []


def _is_own(url: str, server: Server) -> bool:
    return url.startswith((server.base, "data:"))


def decisions(folder: Path) -> list[Decision]:
    with MarkingStore(folder) as store:
        return [row.decision for row in store.since()]


def marks(folder: Path, assignment: Assignment, question: str) -> dict[str, Mark]:
    state = MarkingState(assignment.questions)
    state.add(decisions(folder))
    return state.marks(question)


def test_all_written_answers_are_marked_by_keyboard_alone(
    serve: Serve,
    arrive: Callable[..., Assistant],
    results: Path,
    assignment: Assignment,
    example_reports: list[GradeReport],
    record_property: Callable[[str, object], None],
) -> None:
    answers = sum(len(report.pending) for report in example_reports)
    ines = arrive(serve(results))
    made = 0
    for number in ("1", "2"):
        ines.save(number)
        while not re.search("Nothing is left", ines.text()):
            # All items, two, one with a comment that was used before, one, or none: as answers come.
            way = (["f"], ["1", "3"], ["1", "e", "1"] if made % 20 > 5 else ["1"], ["2"], ["z"])[made % 5]
            ines.press(*way)
            if made == 2:
                ines.press("c")
                ines.page.keyboard.type("Name the second sentence, too.")
                ines.press("Escape")
            ines.save()
            made += 1
        ines.save()  # all questions
    found = marks(results, assignment, WORDS), marks(results, assignment, BASELINE)
    assert sum(map(len, found)) == answers == 29
    assert {mark.by for one in found for mark in one.values()} == {"Ines"}
    assert any(mark.points == 5 for mark in found[0].values())
    assert sum(mark.comment.startswith("Name the second") for one in found for mark in one.values()) > 1
    record_property("keys per decision", round(ines.keys / made, 2))
    print(f"\n{answers} answers, {made} decisions, {ines.keys} keys: {ines.keys / made:.2f} a decision")
    assert ines.keys / made < 3
    assert "0 of" not in ines.text()


def test_two_people_at_once_see_each_other_and_lose_nothing(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, assignment: Assignment
) -> None:
    ines, bea = arrive(serve(results, "Ines")), arrive(serve(results, "Bea"))
    ines.open(f"/q/{WORDS}")
    where = ines.page.url.removeprefix(ines.base)
    bea.open(where)
    ines.page.locator("#now", has_text="Bea is looking at this answer, too").wait_for(timeout=9000)
    bea.open(f"/q/{WORDS}")
    assert not bea.page.url.endswith(where)  # Bea gets another one
    bea.open(where)
    ines.press("1", "2")
    ines.save()
    bea.page.locator("#now", has_text="Ines has just decided on this answer").wait_for(timeout=9000)
    bea.press("f", "c")
    bea.page.keyboard.type("All there.")
    bea.press("Escape")
    with bea.page.expect_response(lambda answer: answer.status == 409):
        bea.press("Enter")
    bea.page.get_by_role("alert").filter(has_text="Ines has decided meanwhile").wait_for()
    assert "2.5" in bea.text("[role=alert].callout:not([hidden])")
    assert bea.page.locator("textarea[name=comment]").input_value() == "All there."
    assert bea.page.locator("input[name=items]:checked").count() == 4
    bea.save()
    (first, second) = [one for one in decisions(results) if one.kind == "mark"]
    assert (first.by, second.by, second.previous) == ("Ines", "Bea", first.id)
    (mark,) = marks(results, assignment, WORDS).values()
    assert (mark.points, mark.comment, mark.by) == (5, "All there.", "Bea")


def test_two_people_mark_a_question_together(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, example_reports: list[GradeReport]
) -> None:
    server = serve(results)
    people = [arrive(server), arrive(server)]
    for person, name in zip(people, ("Ines", "Bea"), strict=True):
        person.page.locator(".menu summary").click()
        person.page.get_by_label("Your name").fill(name)
        person.page.get_by_role("button", name="Change").click()
        person.page.locator(".menu summary", has_text=name).wait_for()
        person.open(f"/q/{WORDS}")
    busy = True
    while busy:
        busy = False
        for person in people:
            if "has decided meanwhile" in person.text():  # the other one was faster with the last answer
                person.save("w")
            if "Nothing is left" not in person.text():
                person.press("f")
                person.save()
                busy = True
    made = [one for one in decisions(results) if one.kind == "mark"]
    assert {one.by for one in made} == {"Ines", "Bea"}
    answered = {
        report.student for report in example_reports if any(one.id == WORDS for one in report.pending)
    }
    assert sorted(one.student for one in made) == sorted(answered)  # each once


def test_a_killed_server_loses_nothing(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, assignment: Assignment
) -> None:
    server = serve(results)
    ines = arrive(server)
    ines.open(f"/q/{WORDS}")
    ines.press("1", "3")
    ines.save()
    server.kill()
    (mark,) = marks(results, assignment, WORDS).values()
    assert mark.points == 2.5
    where = ines.page.url.removeprefix(server.base)
    ines.press("2", "c")
    ines.page.keyboard.type("Half way.")
    ines.press("Escape", "Enter")
    ines.page.locator("#lost").wait_for()
    assert ines.page.locator("textarea[name=comment]").input_value() == "Half way."
    again = serve(results, port=server.port)
    ines.page.goto(again.url)
    ines.open(where)
    assert ines.page.locator("textarea[name=comment]").input_value() == "Half way."
    ines.save()
    assert sorted(one.points for one in marks(results, assignment, WORDS).values()) == [1.25, 2.5]


def test_a_repriced_item_changes_what_is_marked_already(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, assignment: Assignment
) -> None:
    ines = arrive(serve(results))
    ines.open(f"/q/{WORDS}")
    for _ in range(3):
        ines.press("1")
        ines.save()
    ines.press("2", "r")
    item = ines.page.locator(".item-form", has_text="Item 1")
    item.get_by_label("Points").fill("0,5")
    item.get_by_role("button", name="Change").click()
    ines.page.locator(".items .points", has_text="+0.5").wait_for()
    assert ines.page.locator("input[name=items]:checked").count() == 1  # the draft has survived
    assert [one.points for one in marks(results, assignment, WORDS).values()] == [0.5] * 3
    ines.press("r")
    ines.page.get_by_label("New item").fill("Confuses sign and size")
    ines.page.locator(".item-form", has_text="New item").get_by_label("Points").fill("-1")
    ines.page.get_by_role("button", name="Add and apply").click()
    ines.page.locator(".items", has_text="Confuses sign and size").wait_for()
    assert ines.page.locator("input[name=items]:checked").count() == 2
    ines.save()
    points = [one.points for one in marks(results, assignment, WORDS).values()]
    assert sorted(points) == [0.25, 0.5, 0.5, 0.5]


def test_one_decision_for_answers_that_say_the_same(
    serve: Serve,
    arrive: Callable[..., Assistant],
    results: Path,
    assignment: Assignment,
    example_reports: list[GradeReport],
) -> None:
    texts = ("The *Wecker* decides.", "the wecker decides", "The Wecker  decides!")
    copied = [report for report in example_reports if report.pending][:3]
    for report, text in zip(copied, texts, strict=True):
        answers = (*report.pending, *report.unanswered)
        hand_in(with_answers(report, tuple(replace(one, answer=text) for one in answers)), results)
    ines = arrive(serve(results))
    ines.open(f"/students/{student_key(results.name, copied[0].student)}")
    ines.press("1")
    ines.page.locator("legend", has_text="say the same").wait_for()
    assert ines.page.locator("input[name=also]:checked").count() == 2
    ines.press("1")
    ines.save()
    found = marks(results, assignment, WORDS)
    assert {student: mark.points for student, mark in found.items()} == {one.student: 1.25 for one in copied}
    with ines.page.expect_event("load"):  # no page is kept in the browser, so it comes anew
        ines.page.go_back()
    ines.open(f"/q/{WORDS}/{student_key(results.name, copied[1].student)}")
    ines.press("2")
    assert ines.page.locator("input[name=also]:checked").count() == 0  # each stays editable
    ines.save()
    found = marks(results, assignment, WORDS)
    assert [found[one.student].points for one in copied] == [1.25, 2.5, 1.25]


def test_every_action_has_a_key_and_the_list_says_so(
    serve: Serve, arrive: Callable[..., Assistant], results: Path
) -> None:
    ines = arrive(serve(results))
    ines.open(f"/q/{WORDS}")
    ines.press("?")
    keys = ines.text("#help-keys")
    for action in (
        "Save, and show the next answer",
        "Come back later",
        "Comment for the student",
        "Adjustment",
    ):
        assert action in keys
    ines.press("Escape")
    for selector in (
        "#mark button:visible",
        "#mark input:visible, #mark textarea:visible",
        ".decision summary",
    ):
        for element in ines.page.locator(selector).all():
            named = element.evaluate("e => !!e.closest('[aria-keyshortcuts], [data-digit]')")
            assert named, element.evaluate("e => e.outerHTML")


def test_keys_that_come_before_the_next_page_are_meant_for_it(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, assignment: Assignment
) -> None:
    ines = arrive(serve(results))
    ines.open(f"/q/{WORDS}")
    ines.press("1", "Enter", "1", "2", "Enter", "1", "2", "3", "Enter")
    ines.page.locator(".where", has_text=re.compile(r"\b3 of \d+\s+marked")).wait_for()
    assert sorted(mark.points for mark in marks(results, assignment, WORDS).values()) == [1.25, 2.5, 3.75]


def test_enter_alone_decides_nothing(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, assignment: Assignment
) -> None:
    ines = arrive(serve(results))
    ines.open(f"/q/{WORDS}")
    ines.press("1", "Enter", "Enter")
    ines.page.locator("#untouched", has_text="Nothing is chosen yet").wait_for()
    assert len(marks(results, assignment, WORDS)) == 1
    ines.press("z")
    ines.save()
    assert sorted(mark.points for mark in marks(results, assignment, WORDS).values()) == [0, 1.25]


def test_later_comes_last_and_counts_as_open(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, assignment: Assignment
) -> None:
    ines = arrive(serve(results))
    ines.open(f"/q/{BASELINE}")
    first = ines.page.url
    ines.press("1")
    ines.save("l")
    while "Nothing is left" not in ines.text() and ines.page.url != first:
        ines.press("f")
        ines.save()
    assert ines.page.url == first and "1 to come back to" in ines.text()
    assert sum(mark.later for mark in marks(results, assignment, BASELINE).values()) == 1


def test_names_are_hidden_until_somebody_wants_them(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, example_reports: list[GradeReport]
) -> None:
    ines = arrive(serve(results))
    names = [report.student for report in example_reports]
    for path in ("/students", f"/q/{WORDS}", "/mistakes", "/sharing"):
        ines.open(path)
        assert not [name for name in names if name in ines.page.content()], path
    ines.open("/students")
    ines.press("n")
    ines.page.get_by_role("button", name="Hide names").wait_for()
    assert all(name in ines.text() for name in names)


def test_a_decision_needs_no_script(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, assignment: Assignment
) -> None:
    ines = arrive(serve(results), java_script_enabled=False)
    ines.open(f"/q/{WORDS}")
    ines.page.locator("input[name=items]").first.check()
    ines.page.get_by_label("Comment for the student").fill("Good.")
    with ines.page.expect_navigation():
        ines.page.get_by_role("button", name="Save").click()
    (mark,) = marks(results, assignment, WORDS).values()
    assert (mark.points, mark.comment) == (1.25, "Good.")


def test_a_hostile_answer_does_nothing(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, example_reports: list[GradeReport]
) -> None:
    hostile = "<script>alert(1)</script><img src=http://evil.example/a.png onerror=alert(1)>\n\n$x$ **b**"
    for report in example_reports:
        answers = (*report.pending, *report.unanswered)
        hand_in(with_answers(report, tuple(replace(one, answer=hostile) for one in answers)), results)
    ines = arrive(serve(results))  # its fixture fails on a dialog, a foreign request, a word on the console
    ines.open(f"/q/{WORDS}")
    assert "<script>alert(1)</script>" in ines.text(".answer >> nth=0")
    assert ines.page.locator(".answer math").count() > 0


PAGES = ("/", f"/q/{WORDS}", "/students", "STUDENT", "/mistakes", "/log", "/sharing", "/requests", "/review")


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_pages_fit(
    serve: Serve, arrive: Callable[..., Assistant], results: Path, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    ines = arrive(serve(results), viewport={"width": width, "height": 900}, bypass_csp=True)
    ines.open(f"/q/{WORDS}")
    ines.press("1", "c")
    ines.page.keyboard.type("Good, but name the score.")
    ines.press("Escape")
    ines.save()
    ines.open("/students")
    student = ines.page.locator("tbody a").first.get_attribute("href")
    ines.page.request.post(ines.base + f"{student}/override", form=_override(ines, student))
    for path in PAGES:
        ines.open(student if path == "STUDENT" else path)
        ines.page.evaluate(
            "document.querySelectorAll('details').forEach(one => one.open = !one.matches('.menu'))"
        )
        assert ines.page.evaluate("document.documentElement.scrollWidth") <= width, path
        for scheme in ("light", "dark"):
            ines.page.emulate_media(color_scheme=scheme)
            found = Axe().run(ines.page).response["violations"]
            assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == [], (
                path,
                scheme,
            )


def _override(ines: Assistant, student: str) -> dict[str, str]:
    ines.open(student)
    form = ines.page.locator(f'form[action="{student}/override"]').nth(1)
    hidden = {name: form.locator(f"[name={name}]").input_value() for name in ("csrf", "check", "revision")}
    return {**hidden, "points": "1", "reason": "The sentence was ambiguous."}
