"""What marking takes, from the times of decisions: breaks left out, a group's time shared."""

import autograder.marking.actions as actions
from autograder.marking.effort import efforts
from autograder.marking.pages import refresh
from autograder.marking.records import Given

from .conftest import FAITH, STUDENTS, WORDS


def at(monkeypatch, clock):
    monkeypatch.setattr(actions, "utc_now", lambda: f"2026-05-04T{clock}.000000Z")


def test_times_are_those_between_decisions_of_one_person(marking, monkeypatch):
    assert efforts(marking) == ()
    ana, bo, zak, wei = STUDENTS
    for clock, students, question, by in [
        ("09:00:00", [ana], WORDS, "Ines"),
        ("09:00:10", [ana], FAITH, "Ada"),  # another person's does not count
        ("09:00:30", [bo], WORDS, "Ines"),
        ("09:45:00", [bo], FAITH, "Ines"),  # after a break
        ("09:46:00", [zak, wei], WORDS, "Ines"),
    ]:
        at(monkeypatch, clock)
        marking.mark_all(dict.fromkeys(students, Given(adjustment=1.0)), question, by=by)
    words, faith = efforts(marking)
    assert (words.question, words.measured, words.seconds) == (WORDS, 3, 30.0)
    assert dict(words.by) == {"Ines": 4}
    assert (faith.measured, faith.seconds) == (0, None)


def test_the_class_page_says_who_marked_how_much_and_how_long_it_took(marking, results, monkeypatch):
    for clock, student in [("09:00:00", STUDENTS[0]), ("09:00:20", STUDENTS[1])]:
        at(monkeypatch, clock)
        marking.mark(student, WORDS, Given(adjustment=1.0), by="Ines")
    refresh(marking)
    page = (results / "class.html").read_text(encoding="utf-8")
    assert "20 s" in page and "<bdi>Ines</bdi> 2" in page
