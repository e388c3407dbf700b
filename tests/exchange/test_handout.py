"""A handout holds what one notebook needs and nothing of the others."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.course.assignment import list_slugs, load_assignment
from autograder.course.course_file import load_course
from autograder.exchange.handout import make_handout

from ..conftest import ROOT
from .conftest import Said

SLUGS = list_slugs(ROOT)


@pytest.mark.parametrize("slug", SLUGS)
def test_what_the_notebook_names_is_there(slug: str) -> None:
    files = make_handout(load_assignment(ROOT, slug), None).files
    cells = json.loads(files[f"{slug}.ipynb"])["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    for path in re.findall(r"\b(?:models|data|images)/[\w./-]*[\w-]", text):
        assert any(name == path or name.startswith(f"{path}/") for name in files), path
    for module in re.findall(r"from course\.(\w+) import|from course import (\w+)", text):
        assert f"course/{''.join(module)}.py" in files
    assert {"README.md", "requirements.txt"} <= files.keys()


@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_of_another_assignment_is_there(slug: str) -> None:
    files = make_handout(load_assignment(ROOT, slug), None).files
    assert [name for name in files if name.endswith(".ipynb")] == [f"{slug}.ipynb"]
    shipped = {
        other: {
            path.name for specs in load_assignment(ROOT, other).models.values() for path in [specs[0].path]
        }
        for other in SLUGS
    }
    foreign = set().union(*(models for other, models in shipped.items() if other != slug)) - shipped[slug]
    assert not [name for name in files for model in foreign if f"models/{model}/" in name]
    readme = files["README.md"].decode()
    assert f"`{slug}.ipynb`" in readme
    assert not [other for other in SLUGS if other != slug and f"`{other}.ipynb`" in readme]


def test_the_readme_states_points_due_date_and_how_to_hand_in(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(
        'title = "NLP"\ntime_zone = "Europe/Berlin"\nhand_in = "Upload it in Moodle."\n'
        'public_address = "https://github.com/uni/nlp"\n'
        "[assignments.token_attribution]\ndue = 2026-12-10T22:59:00Z\n"
    )
    readme = make_handout(load_assignment(ROOT, "token_attribution"), load_course(tmp_path)).files[
        "README.md"
    ]
    text = readme.decode()
    assert text.startswith("# Token attribution\n")
    assert "| Points | 40 points, and 10 points for written answers |" in text
    assert "| Due | Thursday, 10 December 2026, 23:59 (Europe/Berlin) |" in text
    assert "| Hand in | Upload it in Moodle. |" in text
    address = "colab.research.google.com/github/uni/nlp/blob/main/student_template/token_attribution.ipynb"
    assert f"(https://{address})" in text


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://github.com/uni/nlp/tree/2026/hand/out/", "github/uni/nlp/blob/2026/hand/out/"),
        ("https://github.com/uni/nlp.git", "github/uni/nlp/blob/main/student_template/"),
        ("https://nlp.uni.de/", "| Online | https://nlp.uni.de/ |"),
    ],
)
def test_only_a_repository_on_github_opens_in_colab(address: str, link: str, tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(f'public_address = "{address}"\n')
    made = make_handout(load_assignment(ROOT, "token_attribution"), load_course(tmp_path))
    text = made.files["README.md"].decode()
    assert link in text and ("colab" in text.split("\n\n")[1]) == ("github.com" in address)


def test_the_command_packs_it_the_same_every_time(autograder: Callable[..., Said], tmp_path: Path) -> None:
    packs = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for path in packs:
        code, said, _ = autograder("handout", "token_attribution", "--out", path, "--course", ROOT)
        assert code == 0 and "Left out" in said
    assert packs[0].read_bytes() == packs[1].read_bytes()
    with zipfile.ZipFile(packs[0]) as archive:
        assert archive.testzip() is None
        assert {name.split("/")[0] for name in archive.namelist()} == {"token_attribution"}
