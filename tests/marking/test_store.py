"""The log of decisions: several writers, deaths, conflicts, foreign files."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from autograder import failpoints
from autograder.marking.errors import ConflictError, StoreError
from autograder.marking.records import Decision
from autograder.marking.store import STORE_NAME, MarkingStore, heads, new_id, revision, utc_now


def decision(student="Ana", target="q", by="Ines", **changes) -> Decision:
    plain = Decision(id=new_id(), at=utc_now(), by=by, kind="mark", student=student, target=target)
    return replace(plain, **{"value": {"items": [], "adjustment": 1.0}, **changes})


def decisions(store):
    return [row.decision for row in store.since()]


def test_what_is_written_is_read_as_it_was(tmp_path):
    odd = decision("caf\udce9 王伟", reason="because ‘so’", value={"comment": "ä\n\ud83d", "items": ["q.1"]})
    with MarkingStore(tmp_path) as store:
        store.append(odd)
        assert decisions(store) == [odd]
    with MarkingStore(tmp_path) as store:
        assert decisions(store) == [odd]
        assert store.on_student("caf\udce9 王伟") == [odd]


def test_since_returns_what_is_new(tmp_path):
    first, second = decision("Ana"), decision("Bo")
    with MarkingStore(tmp_path) as store, MarkingStore(tmp_path) as other:
        row = store.append(first)
        assert other.last_row() == row
        other.append(second)
        assert [one.decision for one in store.since(row)] == [second]


def test_a_decision_that_did_not_know_of_another_is_refused(tmp_path):
    first = decision(by="Ines")
    late = decision(by="Omar")
    with MarkingStore(tmp_path) as store:
        store.append(first)
        with pytest.raises(ConflictError, match="Ana, q: decided meanwhile by Ines") as caught:
            store.append(decision("Bo"), late)
        assert caught.value.current == (first,)
        assert caught.value.decision == late
        assert decisions(store) == [first]
        second = replace(late, previous=first.id)
        store.append(second)
        assert heads(decisions(store)) == [second]


def test_decisions_are_never_changed_or_removed(tmp_path):
    with MarkingStore(tmp_path) as store:
        store.append(decision())
    database = sqlite3.connect(tmp_path / STORE_NAME)
    for statement in ("UPDATE decisions SET by = 'x'", "DELETE FROM decisions"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            database.execute(statement)
    database.close()


def write_many(folder, name, count):
    with MarkingStore(folder) as store:
        for number in range(count):
            store.append(decision(f"{name}{number}", by=name))


def test_several_processes_write_at_once(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    names = ["Ines", "Omar", "Wei"]
    writers = [spawn.Process(target=write_many, args=(tmp_path, name, 30)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    with MarkingStore(tmp_path) as store:
        assert sorted(one.student for one in decisions(store)) == sorted(
            f"{name}{number}" for name in names for number in range(30)
        )


RACE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.marking.test_store import decision
from autograder.marking.errors import ConflictError
from autograder.marking.store import MarkingStore, heads, revision
name, won = sys.argv[1], 0
with MarkingStore(Path({folder!r})) as store:
    while won < 15:
        current = heads([row.decision for row in store.since() if row.decision.target == "q"])
        try:
            store.append(decision(by=name, previous=revision(current)))
            won += 1
        except ConflictError:
            pass
"""


def test_of_two_on_the_same_answer_one_comes_after_the_other(tmp_path):
    root = os.getcwd()  # noqa: PTH109
    code = RACE.format(root=root, folder=str(tmp_path))
    racers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("Ines", "Omar")]
    assert [racer.wait(timeout=120) for racer in racers] == [0, 0]
    with MarkingStore(tmp_path) as store:
        chain = decisions(store)
    assert len(chain) == 30
    assert [one.previous for one in chain] == ["", *(one.id for one in chain[:-1])]


OPENER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from autograder.marking.store import MarkingStore
time.sleep(max(0.0, {begin} - time.time()))
for number in range(10):
    MarkingStore(Path({folder!r}) / str(number)).close()
"""


def test_processes_that_open_a_new_log_at_once_all_have_it(tmp_path):
    for number in range(10):
        (tmp_path / str(number)).mkdir()
    code = OPENER.format(root=os.getcwd(), folder=str(tmp_path), begin=time.time() + 1.5)  # noqa: PTH109
    openers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [opener.wait(timeout=120) for opener in openers] == [0, 0, 0, 0]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.marking.test_store import decision
from autograder.marking.store import MarkingStore
store = MarkingStore(Path({folder!r}))
for number in range(10_000):
    store.append(decision(f"s{{number}}"))
    print(number, flush=True)
"""


@pytest.mark.parametrize("failpoint", ["", "marking.appending:5"])
def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path, failpoint):
    root = os.getcwd()  # noqa: PTH109
    code = WRITER.format(root=root, folder=str(tmp_path))
    environment = {**os.environ, failpoints.VARIABLE: failpoint}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    ) as writer:
        acknowledged = [int(writer.stdout.readline()) for _ in range(4)]
        if not failpoint:
            time.sleep(0.05)
            writer.kill()
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL
    with MarkingStore(tmp_path) as store:
        kept = [one.student for one in decisions(store)]
        assert kept[: len(acknowledged)] == [f"s{number}" for number in acknowledged]
        assert len(kept) <= len(acknowledged) + 1
        if failpoint:  # it died inside the fifth
            assert acknowledged == [0, 1, 2, 3]
            assert len(kept) == 4
        store.append(decision("after"))


def test_the_same_decisions_have_the_same_head_in_any_order():
    first = decision(at="2026-01-01T00:00:00Z")
    one = decision(at="2026-01-02T00:00:00Z", previous=first.id)
    two = decision(at="2026-01-03T00:00:00Z", previous=first.id)
    assert heads([first, one, two]) == heads([two, one, first]) == [two, one]
    both = decision(at="2026-01-01T00:00:00Z", previous=revision([one, two]))
    assert heads([both, one, first, two]) == [both]


def test_logs_merge_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with MarkingStore(tmp_path / "a") as here, MarkingStore(tmp_path / "b") as there:
        here.append(decision("Ana"))
        there.append(decision("Bo"))
        assert here.merge(decisions(there)) == 1
        assert here.merge(decisions(there)) == 0
        edited = [replace(one, by="Eve") for one in decisions(there)]
        with pytest.raises(StoreError, match="edited; nothing was merged"):
            here.merge([decision("Cy"), *edited])
        assert [one.student for one in decisions(here)] == ["Ana", "Bo"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"no database at all, but long enough to be one" * 40), "damaged"),
        (lambda path: foreign(path, "CREATE TABLE notes (x)"), "another program"),
        (lambda path: foreign(path, "PRAGMA user_version = 99"), "newer version"),
    ],
)
def test_a_file_that_is_no_log_of_this_version_is_refused(tmp_path, make, words):
    if words == "newer version":
        MarkingStore(tmp_path).close()
    make(tmp_path / STORE_NAME)
    before = (tmp_path / STORE_NAME).read_bytes()
    with pytest.raises(StoreError, match=words):
        MarkingStore(tmp_path)
    assert (tmp_path / STORE_NAME).read_bytes() == before


def foreign(path, statement):
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match="no such folder"):
        MarkingStore(tmp_path / "nowhere")
