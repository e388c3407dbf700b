"""Expected values on the disk: the next process asks for them and gets them, and never gets another question's."""

import os
from types import ModuleType

import pytest
import torch

from autograder.checks import answer_cache, answer_store
from autograder.checks.answer_cache import Memo, MemoisedReference
from autograder.course.assignment import list_slugs, load_assignment
from autograder.course.profiles import resolve

ANSWERS = [
    torch.randn(3, 4, generator=torch.Generator().manual_seed(1)),
    torch.arange(4),
    (torch.ones(2, dtype=torch.float64), 3, "wörter", None, True),
    [("Wetter", 0.1), ("##bericht", float("inf"))],
    {"a": [1.5, 2], "b": torch.tensor(2.0)},
]


def context(assignment, device: str) -> str:
    return answer_store.context(resolve(assignment, device=device))


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and all(map(same, one, other)) and len(one) == len(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


@pytest.fixture(autouse=True)
def _everything_is_worth_storing(monkeypatch):
    monkeypatch.setattr(answer_cache, "WORTH_STORING_S", 0.0)


def counting_reference(calls: list) -> ModuleType:
    module = ModuleType("reference")

    def double(x, *rest):
        calls.append(x)
        return x * 2

    module.double = double
    return module


def reference_of(tmp_path, calls, names=None) -> MemoisedReference:
    """A reference as a new process would have it."""
    return MemoisedReference(counting_reference(calls), Memo(store=answer_store.Store(tmp_path), names=names))


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_an_answer_comes_back_as_it_was(tmp_path, number):
    store = answer_store.Store(tmp_path / "new")
    assert store.load(("key", number)) == (False, None)
    store.save(("key", number), ANSWERS[number])
    known, answer = answer_store.Store(tmp_path / "new").load(("key", number))
    assert known and same(ANSWERS[number], answer)


def test_the_next_process_does_not_compute_again(tmp_path):
    calls = []
    for _ in range(3):
        answer = reference_of(tmp_path, calls).double(torch.tensor([1.0, 2.0]))
        assert torch.equal(answer, torch.tensor([2.0, 4.0]))
    assert len(calls) == 1
    reference_of(tmp_path, calls).double(torch.tensor([1.0, 2.0], dtype=torch.float64))
    assert len(calls) == 2, "another dtype is another question"


def test_a_changed_answer_does_not_change_the_next_students(tmp_path):
    reference = reference_of(tmp_path, [])
    reference.double(torch.ones(2)).zero_()
    assert torch.equal(reference.double(torch.ones(2)), torch.full((2,), 2.0))


def test_an_object_without_a_name_stays_in_the_process(tmp_path):
    calls, model = [], object()
    for names in ({}, {}, {id(model): "model abc"}, {id(model): "model abc"}, {id(model): "model def"}):
        reference_of(tmp_path, calls, names).double(torch.ones(1), model)
    assert len(calls) == 4, "unnamed twice, each name once"


def test_what_cannot_be_kept_is_computed(tmp_path):
    store = answer_store.Store(tmp_path)
    store.save("object", object())
    store.save("large", torch.zeros(answer_store.ANSWER_BYTES // 4 + 1))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    answer_store.Store(tmp_path / "file").save("key", 1)
    assert answer_store.Store(tmp_path / "file").load("key") == (False, None)


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-7], lambda data: b"\xff" * len(data)]
)
def test_a_damaged_file_counts_as_none(tmp_path, damage):
    store = answer_store.Store(tmp_path)
    store.save("key", torch.ones(9))
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert store.load("key") == (False, None)
    store.save("key", torch.ones(9))
    assert same(store.load("key")[1], torch.ones(9))


def test_every_source_is_part_of_an_answers_name(mini_course):
    slug = list_slugs(mini_course)[0]
    assignment = load_assignment(mini_course, slug)
    before = context(assignment, "cpu")
    assert before == context(assignment, "cpu")
    seen = {before, context(assignment, "cuda:1")}
    assert context(assignment, "cuda:0") in seen, "one kind of device, one name"
    for path in (assignment.reference, assignment.folder / "checks.py"):
        path.write_text(path.read_text() + "\n# changed\n")
        seen.add(context(assignment, "cpu"))
    assert len(seen) == 4


def test_models_are_named_by_their_files(course_root):
    specs = load_assignment(course_root, "token_attribution").models["tiny"]
    names = [answer_store.model_names(spec) for spec in specs]
    assert len({name for pair in names for name in pair}) == 4, "two models, two tokenizers"
    assert names == [answer_store.model_names(spec) for spec in specs]


def test_the_oldest_answers_go(tmp_path):
    store, files = answer_store.Store(tmp_path / "slug" / "context"), []
    for number in range(5):
        store.save(number, torch.zeros(1000))
        (written,) = set((tmp_path / "slug" / "context").iterdir()) - set(files)
        os.utime(written, (number, number))
        files.append(written)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    answer_store.prune(tmp_path, size // 2)
    assert [store.load(number)[0] for number in range(5)] == [False, False, False, True, True]
