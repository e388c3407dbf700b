from __future__ import annotations

import hashlib
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autograder.errors import AutograderError
from autograder.records import Assignment, CellFailure, Execution, GradeReport
from autograder.report import (
    REPORT_NAME,
    load_results,
    read_report,
    write_class,
    write_submission,
)
from autograder.report.atomic_files import refusal
from autograder.report.rewrite import rewrite

PAGES = {"report.json", "feedback.html", "instructor.html", "executed.ipynb", "executed.html"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"' onload=alert(1)\x1b[31m\u202e{{ 7*7 }}"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_submission_gets_its_five_files(
    report: GradeReport, execution: Execution, assignment: Assignment, tmp_path: Path
) -> None:
    folder = tmp_path / assignment.slug / report.folder_name
    write_submission(report, execution, assignment, folder)
    assert set(files(folder)) == PAGES
    assert read_report(folder / "report.json") == report
    assert load_results(tmp_path) == [report]


def test_two_runs_give_the_same_bytes(
    report: GradeReport, execution: Execution, assignment: Assignment, tmp_path: Path
) -> None:
    write_submission(report, execution, assignment, tmp_path / "one")
    write_submission(report, execution, assignment, tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_submission_that_never_ran_keeps_no_old_notebook(
    report: GradeReport,
    problem: Callable[[str], GradeReport],
    execution: Execution,
    assignment: Assignment,
    tmp_path: Path,
) -> None:
    write_submission(report, execution, assignment, tmp_path)
    write_submission(problem(report.student), None, assignment, tmp_path)
    assert set(files(tmp_path)) == PAGES - {"executed.ipynb", "executed.html"}
    assert b"executed.html" not in (tmp_path / "instructor.html").read_bytes()


def test_a_class_gets_its_three_files(report: GradeReport, assignment: Assignment, tmp_path: Path) -> None:
    write_class([report], assignment, tmp_path / "new")
    assert set(files(tmp_path / "new")) == {"grades.csv", "leaderboard.csv", "class.html"}


def test_a_folder_that_cannot_be_made_is_an_os_error(
    report: GradeReport, assignment: Assignment, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_submission(report, None, assignment, tmp_path / "file" / "student")


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.levels: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.levels.append(int(tag[1]))


def outline(data: bytes) -> Outline:
    parser = Outline()
    parser.feed(data.decode())
    return parser


def poisoned(report: GradeReport) -> GradeReport:
    """Put hostile text into every field that a student or an exception can fill."""
    checks = tuple(
        replace(
            check,
            title=EVIL,
            feedback=EVIL,
            detail=EVIL,
            remarks=(EVIL,),
            fault=EVIL if check.fault else "",
            metrics={EVIL: 1.0},
            diagnosis=replace(check.diagnosis, title=EVIL, hint=EVIL, misconception=EVIL)
            if check.diagnosis
            else None,
            strips=tuple(
                replace(strip, title=EVIL, tokens=(EVIL, *strip.tokens[1:])) for strip in check.strips
            ),
        )
        for check in report.checks
    )
    return replace(
        report,
        student=EVIL,
        checks=checks,
        pending=tuple(
            replace(question, title=EVIL, answer=EVIL, rubric=(EVIL,)) for question in report.pending
        ),
        needs_review=(EVIL,),
        problem=EVIL,
        remarks=(EVIL,),
        failures=(CellFailure(cell=EVIL, index=0, kind="error", message=EVIL),),
        plots=(EVIL,),
        provenance={EVIL: EVIL},
    )


def test_hostile_text_in_every_field_stays_text(
    report: GradeReport, execution: Execution, assignment: Assignment, tmp_path: Path
) -> None:
    evil = poisoned(report)
    write_submission(evil, execution, assignment, tmp_path / "student")
    write_class([evil], assignment, tmp_path)
    pages = [*(tmp_path / "student").glob("*.html"), tmp_path / "class.html"]
    assert len(pages) == 4
    for page in pages:
        text = page.read_text(encoding="utf-8")
        parsed = outline(page.read_bytes())
        assert "img" not in parsed.tags or page.name == "executed.html"
        # The class's page has one script, which sorts, and the policy lets no other one run.
        assert parsed.tags.count("script") == (page.name == "class.html")
        assert not any(name.startswith("on") for name, _ in parsed.attributes)
        assert "\u202e" not in text and "\x1b" not in text and ">49<" not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize("name", ["feedback.html", "instructor.html", "executed.html", "class.html"])
def test_pages_are_self_contained_and_well_ordered(
    report: GradeReport, execution: Execution, assignment: Assignment, tmp_path: Path, name: str
) -> None:
    write_submission(report, execution, assignment, tmp_path)
    write_class([report], assignment, tmp_path)
    data = (tmp_path / name).read_bytes()
    parsed = outline(data)
    assert b'<html lang="en">' in data and b"default-src 'none'" in data
    assert parsed.levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(parsed.levels, parsed.levels[1:], strict=False))
    for attribute, value in parsed.attributes:
        assert attribute != "src" or (value or "").startswith("data:image/")
    assert b"@import" not in data and b"url(" not in data


def test_writing_again_refuses_a_folder_that_lost_a_report(
    report: GradeReport, passed: Callable[[str], GradeReport], assignment: Assignment, tmp_path: Path
) -> None:
    place = tmp_path / report.assignment
    for one in (report, passed("Bo")):
        write_submission(one, None, assignment, place / one.folder_name)
    (place / "Bo" / REPORT_NAME).unlink()
    with pytest.raises(AutograderError, match=r"1 student folder\(s\) without report.json: Bo. Grade"):
        list(rewrite(tmp_path, lambda slug: assignment))
    assert not (place / "class.html").exists()


STEPS = [f"{name}.{step}" for name in sorted(PAGES) for step in ("written", "synced", "renamed")]


def test_one_damaged_report_is_named_and_stops_nobody_elses_pages(
    tmp_path: Path, assignment: Assignment, passed: Callable[[str], GradeReport]
) -> None:
    folder = tmp_path / assignment.slug
    for student in ("Ana", "Bo", "Cem"):
        write_submission(passed(student), None, assignment, folder / student)
    (folder / "Bo" / "report.json").write_text("{", encoding="utf-8")
    (folder / "Ana" / "feedback.html").unlink()
    pages = rewrite(tmp_path, lambda slug: assignment)
    assert [report.student for report in next(pages)[1]] == ["Ana", "Cem"]
    assert (folder / "Ana" / "feedback.html").is_file()
    assert (folder / "class.html").is_file()
    with pytest.raises(AutograderError, match=r"1 report\(s\) could not be read(.|\n)*Bo/report\.json"):
        next(pages)


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_while_it_writes_leaves_no_half_file_and_the_next_one_none_at_all(
    report: GradeReport,
    problem: Callable[[str], GradeReport],
    execution: Execution,
    assignment: Assignment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    write_submission(report, execution, assignment, tmp_path / "whole")
    whole = files(tmp_path / "whole")
    place = tmp_path / "class" / "student"
    write_submission(problem(report.student), None, assignment, place)
    before = files(place)
    monkeypatch.setenv("AUTOGRADER_FAILPOINT", step)
    pid = os.fork()
    if pid == 0:
        write_submission(report, execution, assignment, place)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    for name, data in files(place).items():
        assert name.endswith(".part") or data in (before.get(name), whole[name])
    monkeypatch.delenv("AUTOGRADER_FAILPOINT")
    write_submission(report, execution, assignment, place)
    assert files(place) == whole


def test_what_was_written_is_told(
    report: GradeReport, execution: Execution, assignment: Assignment, tmp_path: Path
) -> None:
    written = write_submission(report, execution, assignment, tmp_path / "new" / "student")
    assert set(written.files) == PAGES
    assert (
        written.report
        == hashlib.sha256((tmp_path / "new" / "student" / "report.json").read_bytes()).hexdigest()
    )


def test_a_full_disk_leaves_no_part_of_a_file(
    report: GradeReport, execution: Execution, assignment: Assignment, tmp_path: Path
) -> None:
    write_submission(report, None, assignment, tmp_path)
    before = files(tmp_path)
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            write_submission(replace(report, score=0.0), execution, assignment, tmp_path)
        except OSError as error:
            os._exit(7 if "the same command goes on" in str(refusal(error)) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert files(tmp_path) == before
