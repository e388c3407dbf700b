"""What a course adds to the grading environment, compared with what is installed."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from autograder.course.requirements import FILE_NAME, grading_requirements

NUMPY = metadata.version("numpy")


def stated(folder: Path, text: str):
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return grading_requirements(folder)


def test_a_course_without_the_file_states_nothing(tmp_path):
    assert grading_requirements(tmp_path) is None


def test_what_is_installed_is_named_with_its_version(tmp_path):
    text = (
        f"# ours\n\nnumpy>=2  # arrays\n--extra-index-url https://example.org\n-r more.txt\nNumPy=={NUMPY}\n"
    )
    found = stated(tmp_path, text)
    assert found.installed == (f"numpy {NUMPY}", f"NumPy {NUMPY}")
    assert found.problems == ()


def test_every_problem_is_named(tmp_path):
    found = stated(tmp_path, "no-such-package>=1\nnumpy<2\n\nnot a requirement\n")
    assert found.installed == ()
    assert found.problems == (
        "no-such-package>=1 is not installed.",
        f"numpy<2 is stated, but {NUMPY} is installed.",
        f"{FILE_NAME}, line 4: 'not a requirement' is not a requirement.",
    )


def test_a_requirement_of_another_platform_is_passed_over(tmp_path):
    found = stated(tmp_path, "no-such-package; sys_platform == 'win32'\n")
    assert found.problems == found.installed == ()


def test_an_editable_package_is_a_problem_since_kernels_do_not_see_it(tmp_path, monkeypatch):
    info = tmp_path / "ours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))
    monkeypatch.syspath_prepend(tmp_path)
    assert stated(tmp_path, "ours\n").problems == (
        "ours is installed in editable mode, so kernels do not see it: install a copy.",
    )


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path, content):
    if content is None:
        (tmp_path / FILE_NAME).mkdir()
    else:
        (tmp_path / FILE_NAME).write_bytes(content)
    found = grading_requirements(tmp_path)
    assert found is not None
    assert found.problems[0].startswith(f"{FILE_NAME} cannot be read: ")
