import pytest

from autograder.course.hub import find_snapshot
from autograder.errors import AssignmentError

from .conftest import COMMIT, fetched, lay_out

NAME = "course/tiny"


@pytest.fixture
def model(course_root):
    return course_root / "assignments" / "logit_lens" / "data" / "hidden_model"


def test_a_model_is_found_at_its_commit(hub_cache, model):
    snapshot = lay_out(hub_cache, NAME, COMMIT, model)
    assert find_snapshot(NAME, COMMIT) == snapshot
    assert (find_snapshot(NAME, COMMIT) / "config.json").read_text() == (model / "config.json").read_text()


def test_without_a_commit_main_is_found(hub_cache, model):
    snapshot = lay_out(hub_cache, NAME, COMMIT, model)
    assert find_snapshot(NAME, "") == snapshot


def test_another_commit_is_not_taken_for_the_one_that_is_meant(hub_cache, model):
    lay_out(hub_cache, NAME, COMMIT, model)
    other = "f" * 40
    with pytest.raises(AssignmentError) as caught:
        find_snapshot(NAME, other, remedy="autograder fetch lens --profile hub")
    assert str(caught.value) == (
        f"course/tiny at commit {other} is not in this machine's cache of the hub.\n"
        "Fetch it once with: autograder fetch lens --profile hub"
    )


@pytest.mark.parametrize("name", ["a/b/c", "with blank/x"])
def test_what_is_no_name_is_said_to_be_none(hub_cache, name):
    with pytest.raises(AssignmentError, match="is no name on the hub"):
        find_snapshot(name, COMMIT)


def test_fetching_fills_the_cache_for_grading_without_a_network(hub_cache, local_hub, model, tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("README.md", "nbest_predictions_.json", "null_odds_.json"):
        (tmp_path / "more" / name).write_text("Nothing loads this.")
    local_hub(model)
    local_hub(tmp_path / "more")
    assert fetched(local_hub, hub_cache, NAME, COMMIT).name == COMMIT
    found = find_snapshot(NAME, COMMIT)
    assert (found / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert {path.name for path in found.iterdir()} == {path.name for path in model.iterdir()}


@pytest.mark.parametrize("newer", [True, False])
def test_old_weights_are_fetched_only_where_there_are_no_others(hub_cache, local_hub, model, tmp_path, newer):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"old")
    local_hub(tmp_path / "old")
    local_hub(model, without=() if newer else ("model.safetensors",))
    names = {path.name for path in fetched(local_hub, hub_cache, NAME, "").iterdir()}
    assert ("model.safetensors" in names, "pytorch_model.bin" in names) == (newer, not newer)
    assert find_snapshot(NAME, COMMIT).name == COMMIT


def test_a_model_that_the_hub_does_not_have_is_a_sentence(hub_cache, local_hub):
    with pytest.raises(AssignmentError, match="course/other cannot be fetched from the hub"):
        fetched(local_hub, hub_cache, "course/other", COMMIT)
