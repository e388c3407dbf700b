"""Marks as CSV: out, in, all or nothing, with a sentence for each row that cannot be taken."""

import csv
import io

import pytest

from autograder.marking.actions import Marking
from autograder.marking.csv_table import TableError, guarded, unguarded
from autograder.marking.marks_csv import COLUMNS, Imported, export_marks, import_marks
from autograder.marking.records import Given
from autograder.marking.requests import import_requests
from autograder.marking.rubric import add_item, change_item

from .conftest import BROKEN, FAITH, STUDENTS, WORDS

HEAD = ",".join(COLUMNS)


def table(*lines, head=HEAD):
    return "\n".join([head, *lines, ""]).encode()


def refused(marking, data, **options):
    """Return why a file is refused; nothing of it is written."""
    row = marking.store.last_row()
    with pytest.raises(TableError) as caught:
        import_marks(marking, data, by="Omar", source="marks.csv", **options)
    assert marking.store.last_row() == row
    return list(caught.value.problems)


@pytest.fixture
def marked(marking):
    first, second = (item.id for item in marking.state.rubric(WORDS))
    add_item(marking, WORDS, "Slip; small", -0.5, by="Ines")
    marking.mark("Ana", WORDS, Given(items=(first,), adjustment=0.5, comment='=1+1 "so",\nyes'), by="Ines")
    marking.mark("Bo", WORDS, Given(items=(first, second), adjustment=3, note="- check"), by="Ines")
    marking.mark("王伟", WORDS, Given(later=True), by="Ines")
    return marking


def test_the_columns_are_fixed(marked):
    rows = list(csv.DictReader(io.StringIO(export_marks(marked).decode(), newline="")))
    assert tuple(rows[0]) == ("student", "question", "points", "comment", "note", "items")
    assert len(rows) == 2 * (len(STUDENTS) + 1)
    given = {(row["student"], row["question"]): row["points"] for row in rows}
    assert [given[student, WORDS] for student in (*STUDENTS, BROKEN)] == ["2.5", "4", "", "", "0"]
    assert [given[student, FAITH] for student in ("Ana", "Bo")] == ["", "0"]


def test_what_was_exported_changes_nothing_when_it_is_imported(marked):
    before = marked.state.marks(WORDS)
    row = marked.store.last_row()
    for name in ("Ines", "Omar"):
        done = import_marks(marked, export_marks(marked), by=name)
        assert done == Imported(marked=0, changed=0, unchanged=10)
    assert marked.store.last_row() == row
    assert marked.state.marks(WORDS) == before


def test_an_export_fills_another_log(marked, results, course_assignment, tmp_path):
    data = export_marks(marked)
    expected = {name: mark.points for name, mark in marked.state.marks(WORDS).items() if not mark.later}
    marked.close()
    (results / "marking.sqlite").unlink()
    with Marking(results, course_assignment) as fresh:
        slip = add_item(fresh, WORDS, "Slip; small", -0.5, by="Ada")
        assert slip.points == -0.5
        assert import_marks(fresh, data, by="Ada") == Imported(marked=2, changed=0, unchanged=8)
        assert {name: mark.points for name, mark in fresh.state.marks(WORDS).items()} == expected
        assert fresh.state.mark("Ana", WORDS).comment == '=1+1 "so",\nyes'
        assert fresh.state.mark("Bo", WORDS).note == "- check"


def test_blank_cells_leave_what_is_there(marked):
    data = table(f"Ana,{WORDS},,A new comment,,", f"Bo,{WORDS},3,,,", f"王伟,{WORDS},,,only a note,")
    assert import_marks(marked, data, by="Ines") == Imported(marked=0, changed=3, unchanged=0)
    ana, bo, wei = (marked.state.mark(name, WORDS) for name in ("Ana", "Bo", "王伟"))
    assert (ana.points, ana.comment) == (2.5, "A new comment")
    assert (bo.points, bo.note, len(bo.items)) == (3, "- check", 2)
    assert (wei.later, wei.note) == (True, "only a note")


def test_a_comment_alone_decides_no_points(marking):
    import_marks(marking, table(f"Bo,{WORDS},,Which one?,,"), by="Ines")
    assert marking.grade("Bo").missing == (WORDS,)


def test_items_are_named_by_text_or_id(marked):
    first = marked.state.rubric(WORDS)[0]
    data = table(
        f"Ana,{WORDS},,,,{first.id}",
        f'Bo,{WORDS},,,,"Slip; small"',
        f'Łukasz Żak,{WORDS},1,,,"{first.text.upper()}"',
    )
    import_marks(marked, data, by="Ines")
    bo, zak = (marked.state.mark(name, WORDS) for name in ("Bo", "Łukasz Żak"))
    assert [len(bo.items), bo.unbounded] == [1, 2.5]
    assert (zak.items, zak.points, zak.adjustment) == ((first.id,), 1, -1)
    change_item(marked, first.id, by="Ines", points=3)
    assert marked.state.mark("Łukasz Żak", WORDS).points == 2


def test_each_wrong_row_gets_a_sentence_with_its_line(marked):
    first = marked.state.rubric(WORDS)[0].text
    problems = refused(
        marked,
        table(
            f"Łukasz Żak,{WORDS},1,,,",
            f'Anna,{WORDS},1,"two',
            'lines",,',
            "Łukasz Żak,question-word,1,,,",
            f"王伟,{WORDS},five,,,",
            f"Bo,{FAITH},3,,,",
            f"Ana,{FAITH},-1,,,",
            f"Ana,{WORDS},,,,{first[:-1]}",
            f"Łukasz Żak,{WORDS},2,,,",
            f'Bo,{WORDS},"3,5",,,',
        ),
    )
    assert problems == [
        "line 3: no results of a student 'Anna'. Did you mean Ana?",
        "line 5: no question 'question-word'. Did you mean question-words or question-faith?",
        f"line 6: 王伟, {WORDS}: points 'five' is no number.",
        f"line 7: Bo, {FAITH}: points must be from 0 to 2, not 3.",
        f"line 8: Ana, {FAITH}: points must be from 0 to 2, not -1.",
        f"line 9: {WORDS}: no rubric item {first[:-1]!r}. Did you mean {first}?",
        f"line 10: Łukasz Żak, {WORDS}: the same as line 2.",
        f"line 11: Bo, {WORDS}: points '3,5' is no number. Write a point, not a comma.",
    ]


def test_what_another_person_decided_is_a_conflict(marked):
    data = table(f"Ana,{WORDS},1,,,", f"Łukasz Żak,{WORDS},1,,,", f"王伟,{WORDS},4,,,")
    at = marked.state.mark("Ana", WORDS).at
    problems = refused(marked, data)
    assert problems[0] == (
        f"line 2: Ana, {WORDS}: a conflict: Ines gave 2.5 points at {at}, this file has 1 points."
    )
    assert len(problems) == 2
    assert "Ines has put it off" in problems[1]
    done = import_marks(marked, data, by="Omar", overwrite=True)
    assert done == Imported(marked=1, changed=2, unchanged=0)
    assert (marked.state.mark("Ana", WORDS).points, marked.state.mark("Ana", WORDS).by) == (1, "Omar")
    history = marked.state.history(student="Ana")
    assert [one.by for one in history] == ["Ines", "Omar"]
    assert history[1].previous == history[0].id


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "line 1: the column 'student' is missing."),
        (b"student,points\n", "line 1: the column 'question' is missing."),
        (table(head="student,question,point"), "line 1: 'point' is not a column. Did you mean points"),
        (table(head="student,question,question"), "line 1: the column 'question' is there twice."),
        (table(head="student;question;points"), "line 1: cells are not separated by commas."),
        (table("Ana,question-words,1"), "line 2: 3 cells instead of 6."),
        (table("Ana,question-words,1,,,") + b"\xff\n", "line 3: not UTF-8"),
        (table('Ana,"question-words'), "line 2: not CSV"),
    ],
)
def test_a_file_that_is_none_is_refused(marking, data, problem):
    assert any(problem in one for one in refused(marking, data))


def test_columns_may_stand_in_any_order_after_a_byte_order_mark(marking):
    data = b"\xef\xbb\xbf" + table(f"{WORDS},3,Bo", head="question,points,student")
    assert import_marks(marking, data, by="Ines").marked == 1
    assert marking.state.mark("Bo", WORDS).points == 3


@pytest.mark.parametrize("text", ["=1", "'=1", "''=1", " =1", "- a", "plain", "'tis", "", "@x", "\t=x"])
def test_a_guarded_cell_is_read_as_it_was(text):
    assert unguarded(guarded(text)) == text
    assert guarded(text).startswith("'") or text.lstrip(" \t")[:1] not in tuple("=+-@")


def test_requests_come_once_and_all_or_none(marking):
    head = "student,question,text"
    data = table(f"Ana,{WORDS},I named both tokens.", "Bo,test_merge,It runs here.", head=head)
    assert import_requests(marking, data, by="Ada") == 2
    assert import_requests(marking, data, by="Ada") == 0
    assert [(one.student, one.target, one.is_open) for one in marking.state.requests()] == [
        ("Ana", WORDS, True),
        ("Bo", "test_merge", True),
    ]
    wrong = table(f"王伟,{WORDS},Please.", "Bo,test_merg,Why?", f"Ana,{WORDS},", head=head)
    with pytest.raises(TableError) as caught:
        import_requests(marking, wrong, by="Ada")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["line 3", "line 4"]
    assert len(marking.state.requests()) == 2
