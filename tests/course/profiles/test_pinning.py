import os
import subprocess
import sys
import tomllib

import pytest

from autograder.authoring.pin import pin
from autograder.course.assignment import load_assignment
from autograder.errors import AssignmentError
from tests.course.hub.conftest import COMMIT as HUBS_COMMIT
from tests.course.hub.conftest import local_hub  # noqa: F401 (a fixture)

COMMIT = "c0ffee" * 6 + "abcd"
FILE = """title = "A"  # a remark stays

[profiles.tiny.shipped]
hub = "course/tiny"

[profiles.hub.shipped]
hub = "course/tiny" # the course's own
loader = "x:Y"

[profiles.hub.hidden]
path = "data/hidden_model"

[profiles.hub.limits]
call_timeout_s = 90
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "assignment.toml"
    path.write_text(FILE)
    return path


def test_the_commit_is_written_below_the_name_and_nothing_else_changes(file):
    pin(file, "hub", "course/tiny", COMMIT)
    line = f'revision = "{COMMIT}"\n'
    assert tomllib.loads(file.read_text())["profiles"]["hub"]["shipped"]["revision"] == COMMIT
    assert file.read_text().replace(line, "", 1) == FILE
    assert "revision" not in tomllib.loads(file.read_text())["profiles"]["tiny"]["shipped"]


@pytest.mark.parametrize(
    "written",
    [
        'profiles.hub.shipped = { hub = "course/tiny", loader = "x:Y" }\n',
        '[profiles]\nhub = { shipped = { hub = "course/tiny" } }\n',
    ],
)
def test_what_cannot_be_followed_stays_as_it_is_and_says_what_to_write(file, written):
    file.write_text(written)
    with pytest.raises(AssignmentError, match=f'write revision = "{COMMIT}" below hub'):
        pin(file, "hub", "course/tiny", COMMIT)
    assert file.read_text() == written


def test_two_models_of_one_name_of_which_one_is_pinned_are_left_to_the_instructor(file):
    file.write_text(
        '[profiles.hub.shipped]\nhub = "course/tiny"\nrevision = "old"\n[profiles.hub.hidden]\nhub = "course/tiny"\n'
    )
    with pytest.raises(AssignmentError, match="yourself"):
        pin(file, "hub", "course/tiny", COMMIT)


def test_fetching_pins_a_model_once(mini_course, tmp_path, local_hub, course_root):  # noqa: F811
    path = mini_course / "assignments" / "standardise" / "assignment.toml"
    loader = 'loader = "transformers:AutoModelForCausalLM"'
    hub = '[profiles.hub.shipped]\nhub = "course/tiny"\n'
    path.write_text(f'{path.read_text()}\n[profiles.tiny.shipped]\npath = "m"\n{loader}\n{hub}{loader}\n')
    local_hub(course_root / "assignments" / "logit_lens" / "data" / "hidden_model")
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": local_hub.address,
        "HF_HUB_CACHE": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-c", "from autograder.cli.main import main; main()", "fetch", "standardise"]
    said = [
        subprocess.run(
            [*command, *more], cwd=mini_course, env=environment, capture_output=True, text=True, check=True
        ).stdout
        for more in ([], ["--pin"], ["--pin"])
    ]
    assert f'not pinned yet (--pin does it): revision = "{HUBS_COMMIT}"' in said[0]
    assert f"; pinned: {HUBS_COMMIT}" in said[1]
    assert "pinned" not in said[2]
    assert load_assignment(mini_course, "standardise").models["hub"][0].revision == HUBS_COMMIT
