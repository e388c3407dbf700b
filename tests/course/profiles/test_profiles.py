import re
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.fingerprint import course_fingerprint
from autograder.course.profiles import fetch, profile_named, resolve
from autograder.errors import AssignmentError
from tests.course.hub.conftest import COMMIT, hub_cache, lay_out  # noqa: F401 (a fixture)

HUB = f'''
[profiles.tiny.shipped]
path = "models/small"
loader = "transformers:AutoModelForCausalLM"

[profiles.tiny.hidden]
path = "data/hidden_model"
loader = "transformers:AutoModelForCausalLM"

[profiles.hub.limits]
call_timeout_s = 90

[profiles.hub.shipped]
hub = "course/tiny"
revision = "{COMMIT}"
loader = "transformers:AutoModelForCausalLM"

[profiles.hub.hidden]
path = "data/hidden_model"
loader = "transformers:AutoModelForCausalLM"
'''


@pytest.fixture
def course(mini_course) -> Path:
    path = mini_course / "assignments" / "standardise" / "assignment.toml"
    path.write_text(path.read_text() + HUB)
    return mini_course


@pytest.fixture
def model(course_root) -> Path:
    return course_root / "assignments" / "logit_lens" / "data" / "hidden_model"


def chosen(course, profile):
    return resolve(load_assignment(course, "standardise"), profile=profile)


def test_a_model_of_the_hub_is_found_in_the_cache(course, hub_cache, model):  # noqa: F811
    snapshot = lay_out(hub_cache, "course/tiny", COMMIT, model)
    shipped, hidden = chosen(course, "hub").models
    assert shipped.path == shipped.tokenizer == snapshot
    assert hidden.path == course / "assignments" / "standardise" / "data" / "hidden_model"
    assert shipped.identity == (f"shipped: hub course/tiny@{COMMIT}, transformers:AutoModelForCausalLM")


def test_other_profiles_need_no_cache(course, hub_cache):  # noqa: F811
    assert chosen(course, "tiny").models[0].path == course / "student_template" / "models" / "small"
    with pytest.raises(AssignmentError) as caught:
        chosen(course, "hub")
    assert f"course/tiny at commit {COMMIT} is not in this machine's cache of the hub." in str(caught.value)
    assert "Fetch it once with: autograder fetch standardise --profile hub" in str(caught.value)


def test_a_profile_has_limits_of_its_own(course, hub_cache, model):  # noqa: F811
    lay_out(hub_cache, "course/tiny", COMMIT, model)
    tiny, hub = chosen(course, "tiny").limits, chosen(course, "hub").limits
    assert (tiny.call_timeout_s, hub.call_timeout_s) == (3.0, 90.0)
    assert hub == replace(tiny, call_timeout_s=90.0)


def test_a_folder_takes_the_shipped_models_place(course, model):
    settings = chosen(course, str(model))
    shipped, hidden = settings.models
    assert (shipped.path, shipped.role, shipped.loader) == (
        model,
        "shipped",
        "transformers:AutoModelForCausalLM",
    )
    assert hidden == settings.assignment.models["tiny"][1]
    assert settings.limits.call_timeout_s == 90.0


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (
            "hb",
            "no profile 'hb'. Did you mean hub?\nProfiles: hub, tiny; or the folder of a model, with a / in it.",
        ),
        (
            "/nowhere/at/all",
            "/nowhere/at/all: no such folder. --profile names a profile or a model's folder.",
        ),
    ],
)
def test_an_unknown_profile_is_a_sentence(course, profile, said):
    with pytest.raises(AssignmentError) as caught:
        chosen(course, profile)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("profile", "near"),
    [
        ("hub", ""),
        ("tny", " Did you mean tiny?"),
        ("/tmp", ""),
    ],
)
def test_an_assignment_without_models_has_the_default_profile_only(mini_course, profile, near):
    assignment = load_assignment(mini_course, "standardise")
    with pytest.raises(AssignmentError) as caught:
        resolve(assignment, profile=profile)
    assert str(caught.value) == (
        f"{assignment.folder / 'assignment.toml'}: no profile {profile!r}: "
        f"an assignment without models has only the profile 'tiny'.{near}"
    )
    assert resolve(assignment).models == ()


def test_a_folder_is_the_same_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert profile_named("./model") == str(tmp_path / "model")
    assert profile_named("hub") == "hub"


def test_the_caches_place_changes_no_grade(course, hub_cache, model, tmp_path, monkeypatch):  # noqa: F811
    def key() -> str:
        return course_fingerprint(chosen(course, "hub"))

    lay_out(hub_cache, "course/tiny", COMMIT, model)
    first = key()
    hub_cache.rename(tmp_path / "elsewhere")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert key() == first
    toml = course / "assignments" / "standardise" / "assignment.toml"
    toml.write_text(toml.read_text().replace(f'revision = "{COMMIT}"', ""))
    assert key() != first


def test_what_the_course_adds_to_the_environment_counts(course):
    assignment = load_assignment(course, "standardise")
    without = course_fingerprint(resolve(assignment))
    (course / "requirements-grading.txt").write_text("no-such-package\n")
    assert course_fingerprint(resolve(assignment)) == without
    (course / "requirements-grading.txt").write_text("pandas\n")
    assert course_fingerprint(resolve(assignment)) != without


def test_the_students_readme_changes_no_grade(course):
    assignment = load_assignment(course, "standardise")
    before = course_fingerprint(resolve(assignment))
    assignment.readme.write_text("Other limits.\n")
    assert course_fingerprint(resolve(assignment)) == before


def test_only_models_of_the_hub_are_fetched(course):
    assert list(fetch(load_assignment(course, "standardise"), "tiny")) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (COMMIT, "main", "profiles.hub.shipped: 'revision' is 'main': write the whole hash of a commit"),
        (
            'hub = "course/tiny"',
            'hub = "course/tiny"\npath = "models/small"',
            "profiles.hub.shipped: 'path' belongs to a folder",
        ),
        (
            'path = "models/small"',
            f'path = "x"\nrevision = "{COMMIT}"',
            "'revision' belongs to a model of the hub",
        ),
        ("call_timeout_s = 90", "call_timeout_s = 0", "profiles.hub.limits: 'call_timeout_s' is 0"),
        ("call_timeout_s = 90", "call_timout_s = 9", "Did you mean call_timeout_s"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(course, old, new, said):
    path = course / "assignments" / "standardise" / "assignment.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(AssignmentError) as caught:
        load_assignment(course, "standardise")
    assert said in str(caught.value)


@pytest.mark.parametrize("profile", ["tiny", "hub"])
def test_kernels_have_the_threads_asked_for_in_every_profile(course, hub_cache, model, profile):  # noqa: F811
    lay_out(hub_cache, "course/tiny", COMMIT, model)
    assignment = load_assignment(course, "standardise")
    assert resolve(assignment, profile=profile, threads=32).limits.threads == 32
    assert resolve(assignment, profile=profile).limits.threads == 1


def test_more_threads_than_a_kernel_may_have_are_the_instructors_error(course):
    # Torch ends the process where it gets no thread, which would look like the student's doing.
    said = (
        r"--threads 33: a kernel of standardise may have 64 processes and threads in all, and compute on 32"
    )
    with pytest.raises(AssignmentError, match=said):
        resolve(load_assignment(course, "standardise"), threads=33)


def test_every_model_of_the_hub_is_pinned(course_root):
    for path in sorted((course_root / "assignments").glob("*/assignment.toml")):
        for spec in load_assignment(course_root, path.parent.name).models["hub"]:
            assert bool(spec.hub) == bool(re.fullmatch(r"[0-9a-f]{40}", spec.revision)), f"{path}: {spec.hub}"
