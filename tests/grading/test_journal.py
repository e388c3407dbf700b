"""The journal alone: what a killed process leaves, and what is refused."""

import os
import signal
import sqlite3

import pytest

from autograder.course.policy.attempts import JOURNAL_NAME, Attempt, read_attempts
from autograder.errors import GraderError
from autograder.grading.journal import Entry, Journal


def in_child(action) -> int:
    """Run an action in a forked process; return how that ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def entry(name="ana", **more) -> Entry:
    return Entry(folder=name, student=name, key="k", **more)


def test_what_was_written_is_read_again(tmp_path):
    rows = [
        entry("ana", attempts=1, previous="{}"),
        entry("bea", state="done", files=("a", "b"), report="r", mode="m"),
    ]
    with Journal(tmp_path) as journal:
        journal.schedule(rows)
    with Journal(tmp_path) as journal:
        assert list(journal.entries().values()) == rows


def test_the_states_of_a_submission(tmp_path):
    with Journal(tmp_path) as journal:
        journal.schedule([entry()])
        journal.start("ana")
        assert journal.entries()["ana"].state == "running"
        assert [journal.died("ana"), journal.died("ana")] == [1, 2]
        assert journal.entries()["ana"].state == "waiting"
        journal.finish("ana", "done", mode="full", report="abc", files=["y", "x"])
        assert journal.entries()["ana"] == entry(
            state="done", attempts=2, mode="full", report="abc", files=("x", "y")
        )


def test_old_grades_are_forgotten_once_told(tmp_path):
    with Journal(tmp_path) as journal:
        journal.schedule([entry(previous="{}")])
        journal.forget_previous()
        assert journal.entries()["ana"].previous is None


@pytest.mark.parametrize("name", ["王伟", "bad\udcff", "'; DROP TABLE submissions; --", ""])
def test_any_name_can_be_written(tmp_path, name):
    with Journal(tmp_path) as journal:
        journal.schedule([Entry(folder="x", student=name, key="k")])
        assert journal.entries()["x"].student == name.encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize(
    ("failpoint", "states"),
    [
        ("journal.scheduling", {"ana": "done"}),
        ("journal.changing", {"ana": "done", "bea": "waiting"}),
        ("journal.changing:2", {"ana": "done", "bea": "running"}),
    ],
)
def test_a_process_killed_inside_a_change_leaves_what_was_before(tmp_path, monkeypatch, failpoint, states):
    with Journal(tmp_path) as journal:
        journal.schedule([entry(state="done", report="r")])

    def die():
        monkeypatch.setenv("AUTOGRADER_FAILPOINT", failpoint)
        with Journal(tmp_path) as journal:
            journal.schedule([entry("bea"), entry("ana", state="done", report="r")])
            journal.start("bea")
            journal.finish("bea", "done", mode="m", report="r", files=[])

    assert in_child(die) == -signal.SIGKILL
    with Journal(tmp_path) as journal:
        assert {name: found.state for name, found in journal.entries().items()} == states
        assert journal.entries()["ana"].report == "r"


def test_a_change_is_on_the_disk_when_its_method_returns(tmp_path):
    def die():
        journal = Journal(tmp_path)
        journal.schedule([entry()])
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -signal.SIGKILL
    with Journal(tmp_path) as journal:
        assert list(journal.entries()) == ["ana"]


def test_it_synchronises_fully(tmp_path):
    with Journal(tmp_path) as journal:
        asked = [
            journal._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]
    assert asked == ["wal", 2]


def test_a_damaged_journal_is_a_sentence(tmp_path):
    (tmp_path / JOURNAL_NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(GraderError, match=r"journal is damaged: .* Remove it; then all submissions"):
        Journal(tmp_path)


def test_a_journal_of_another_version_is_a_sentence(tmp_path):
    with Journal(tmp_path):
        pass
    with sqlite3.connect(tmp_path / JOURNAL_NAME) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(GraderError, match=r"written by another version of autograder \(journal 99"):
        Journal(tmp_path)


def test_a_full_disk_is_a_sentence_and_leaves_what_was_before(tmp_path):
    import resource

    with Journal(tmp_path) as journal:
        journal.schedule([entry(state="done", report="r")])

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Journal(tmp_path) as journal, pytest.raises(GraderError, match="the journal cannot be written"):
            journal.schedule([entry(f"student{number}", previous="x" * 1000) for number in range(100)])

    assert in_child(fill) == 0
    with Journal(tmp_path) as journal:
        assert {name: found.state for name, found in journal.entries().items()} == {"ana": "done"}


def attempt(submission="a", score=1.0, folder="ana") -> Attempt:
    return Attempt(folder=folder, submission=submission, at="", score=score)


def test_the_current_submission_is_the_last_attempt(tmp_path):
    with Journal(tmp_path) as journal:
        for each in (attempt("a"), attempt("b", 2.0), attempt("b", 3.0), attempt("a", 4.0)):
            journal.record_attempts([each, attempt(folder="bea")])
        assert read_attempts(tmp_path) == {
            "ana": (attempt("b", 3.0), attempt("a", 4.0)),
            "bea": (attempt(folder="bea"),),
        }


def test_a_journal_of_an_earlier_version_has_no_attempts(tmp_path):
    with Journal(tmp_path) as journal:
        journal.schedule([entry()])
    with sqlite3.connect(tmp_path / JOURNAL_NAME) as database:
        database.execute("DROP TABLE attempts")
    assert read_attempts(tmp_path) == {}
    with Journal(tmp_path) as journal:
        assert list(journal.entries()) == ["ana"]
        journal.record_attempts([attempt()])
    assert read_attempts(tmp_path) == {"ana": (attempt(),)}
    assert read_attempts(tmp_path / "nowhere") == {}


def test_nothing_stays_of_a_removed_student(tmp_path):
    with Journal(tmp_path) as journal:
        journal.schedule([entry("SENTINEL"), entry("bea")])
        journal.record_attempts([attempt(folder="SENTINEL")])
        journal.remove("SENTINEL")
        assert list(journal.entries()) == ["bea"]
        left = [path.name for path in tmp_path.iterdir() if b"SENTINEL" in path.read_bytes()]
        assert left == []
    assert read_attempts(tmp_path) == {}
