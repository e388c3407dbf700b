from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import pytest

from autograder.records import Assignment, GradeReport, NamedMistake
from autograder.records.folder_names import student_folder_name
from autograder.report.item_analysis import HISTOGRAM_BARS, histogram
from autograder.report.overview import MOST_MODULES, class_view, mistakes_of
from autograder.report.pages import class_page

Make = Callable[[str], GradeReport]


def test_rows_stand_by_name_with_points_for_each_task(
    report: GradeReport, passed: Make, problem: Make, assignment: Assignment
) -> None:
    view = class_view([report, passed("ana"), problem("Bo")], assignment)
    assert [(row.student, row.word, row.cells) for row in view.rows] == [
        ("ana", "OK", (5, 10, 3, 2, 4)),
        ("Bo", "Problem", (None,) * 5),
        ("Zoë Müller", "Needs review", (5, 2, 0, 0, 2.5)),
    ]
    assert (view.mean, view.median) == (pytest.approx(33.5 / 3), 9.5)


def test_mistakes_are_counted_most_frequent_first(report: GradeReport, assignment: Assignment) -> None:
    only_one = replace(report, student="B", checks=report.checks[:4])
    view = class_view([replace(report, student="A"), only_one], assignment)
    assert [(mistake.id, [row.student for row in mistake.rows]) for mistake in view.mistakes] == [
        ("target_from_labels", ["A", "B"]),
        ("softmax_over_padding", ["A"]),
    ]


def test_a_mistake_in_two_checks_counts_a_student_once(report: GradeReport, assignment: Assignment) -> None:
    twice = replace(report, checks=(report.checks[3], replace(report.checks[3], id="again")))
    assert [len(mistake.rows) for mistake in class_view([twice], assignment).mistakes] == [1]


def test_a_diagnosis_that_costs_nothing_is_no_mistake(report: GradeReport, assignment: Assignment) -> None:
    free = replace(report, checks=(replace(report.checks[3], points=4.0, outcome="passed"),))
    assert class_view([free], assignment).mistakes == ()


def test_pass_rates_leave_our_faults_out(report: GradeReport, passed: Make, assignment: Assignment) -> None:
    rates = {rate.title: rate for rate in class_view([report, passed("a")], assignment).rates}
    faulty, failed = rates["Pieces are joined in unseen sentences"], rates["Pieces are joined"]
    assert (faulty.passed, faulty.count) == (1, 1)
    assert (failed.passed, failed.count, failed.share) == (1, 2, 0.5)


def test_the_leaderboard_is_best_first_and_ties_share_a_rank(
    report: GradeReport, passed: Make, assignment: Assignment
) -> None:
    reports = [passed("c"), replace(report, student="a"), passed("b")]
    boards = {board.metric: board for board in class_view(reports, assignment).boards}
    places = boards["faithfulness_percentile"].places
    assert [(place.rank, place.row.student, place.value) for place in places] == [
        (1, "b", 93),
        (1, "c", 93),
        (3, "a", 72.5),
    ]


def test_a_metric_that_is_not_finite_has_no_place(report: GradeReport, assignment: Assignment) -> None:
    check = replace(report.checks[-1], metrics={"faithfulness_percentile": float("nan")})
    assert class_view([replace(report, checks=(check,))], assignment).boards == ()


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], {}),
        ([0.0], {0: 1}),
        ([10.0, 10.0], {9: 2}),
        ([0.9, 1.0, 9.99], {0: 1, 1: 1, 9: 1}),
        ([-1.0, 11.0], {0: 1, 9: 1}),
    ],
)
def test_the_histogram_counts_every_score_once(scores: list[float], expected: dict[int, int]) -> None:
    bars = histogram(scores, 10.0)
    assert len(bars) == HISTOGRAM_BARS
    assert {index: bar.count for index, bar in enumerate(bars) if bar.count} == expected


def test_scores_on_a_bars_edge_fall_into_the_upper_bar() -> None:
    # 0.7 * 24 / 24 * 10 is 6.999... in floating point
    bars = histogram([24 * 0.7], 24.0)
    assert bars[7].count == 1


def test_links_lead_to_the_students_folders(passed: Make, assignment: Assignment) -> None:
    names = ["王伟 #1?", "100% Zoë", "a/b", "Jürgen Groß"]
    page = class_page(class_view([passed(name) for name in names], assignment)).decode()
    links = set(re.findall(r'href="([^"#]+)/feedback\.html"', page))
    assert {unquote(link) for link in links} == {student_folder_name(name) for name in names}
    assert all(re.fullmatch(r"[A-Za-z0-9._~%-]+", link) for link in links)


def test_an_empty_class_has_a_page(assignment: Assignment) -> None:
    page = class_page(class_view([], assignment)).decode()
    assert "No submission has been graded yet." in page


def test_the_page_names_who_needs_review_and_why(
    report: GradeReport, problem: Make, assignment: Assignment
) -> None:
    page = class_page(class_view([report, problem("Bo")], assignment)).decode()
    assert "KeyError: &#39;tokens&#39; in checks.py, line 88" in page
    assert "notebook.ipynb: not JSON" in page


def test_missing_modules_are_counted_by_students(
    report: GradeReport, passed: Make, assignment: Assignment
) -> None:
    reports = [replace(report, student=f"S{n}", missing_modules=("shap",) * 2) for n in range(6)]
    page = class_page(class_view([report, *reports, passed("a")], assignment)).decode()
    text = re.sub(r"<[^>]+>", "", page)
    assert "7 students import shap" in text
    assert "1 student imports lime" in text
    assert text.index("import shap") < text.index("imports lime")
    assert "requirements-grading.txt" in text
    assert 'href="#modules"' in page


def test_a_class_that_lacks_nothing_is_told_nothing_of_modules(passed: Make, assignment: Assignment) -> None:
    assert "requirements-grading" not in class_page(class_view([passed("a")], assignment)).decode()


def test_not_more_modules_are_listed_than_a_reader_reads(report: GradeReport, assignment: Assignment) -> None:
    reports = [replace(report, student=f"{n}", missing_modules=(f"m{n}", "shap")) for n in range(50)]
    found = class_view(reports, assignment).missing_modules
    assert len(found) == MOST_MODULES and found[0].name == "shap"


def test_a_thousand_students_take_seconds(report: GradeReport, assignment: Assignment) -> None:
    reports = [replace(report, student=f"student {n:04}") for n in range(1000)]
    start = time.perf_counter()
    page = class_page(class_view(reports, assignment))
    assert time.perf_counter() - start < 20
    assert page.count(b"/feedback.html") == 1000


def test_one_fault_that_hits_many_stands_once(report: GradeReport, assignment: Assignment) -> None:
    reports = [replace(report, student=name) for name in "abc"]
    reports.append(replace(report, student="d", needs_review=("another", *report.needs_review)))
    faults = class_view(reports, assignment).faults
    assert [(fault.split()[0], "".join(row.student for row in rows)) for fault, rows in faults] == [
        ("test_merge_unseen:", "abcd"),
        ("another", "d"),
    ]


def test_a_mistake_has_one_title_in_whichever_items_it_was_made(report: GradeReport) -> None:
    (place, found) = next((n, check) for n, check in enumerate(report.checks) if check.diagnosis)
    assert found.diagnosis is not None
    known = NamedMistake(title="Summed.", hint="h")
    said = replace(found.diagnosis, title="Summed. This holds in the last layer alone.", mistakes=(known,))
    checks = [*report.checks]
    checks[place] = replace(found, diagnosis=said)
    assert mistakes_of(replace(report, checks=tuple(checks)))[said.misconception] == "Summed."
    both = replace(
        said, misconception=f"{said.misconception} + one_factor_for_all", title="Summed. And: Twice."
    )
    checks[place] = replace(found, diagnosis=both)
    assert mistakes_of(replace(report, checks=tuple(checks)))[both.misconception] == both.title
