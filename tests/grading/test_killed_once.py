"""A class whose grading is killed once in each kind of process: then it is as if nothing had been."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..conftest import MINI
from ..mini_class import DIED, Command, build, hand_in, tree

pytestmark = pytest.mark.sandbox

COUNT = 4


def test_what_was_killed_goes_on_to_the_same_files(tmp_path: Path) -> None:
    shutil.copytree(MINI, tmp_path / "course")
    submitted = hand_in(build(tmp_path / "course"), tmp_path / "submitted", COUNT)
    calm, killed = (
        Command(course=tmp_path / "course", submitted=submitted, out=tmp_path / name)
        for name in ("calm", "killed")
    )
    code, said = calm.run()
    assert code == 0, said
    code, said = killed.run(failpoint="submission.handed_out:2")
    assert code == DIED, said
    assert killed.survivors() == []
    code, said = killed.run(failpoint=f"worker.graded:1@{tmp_path / 'once'}")
    assert code == 0, said
    assert [path.name for path in (tmp_path / "once").iterdir()] == ["worker.graded"]
    assert killed.survivors() == []
    assert tree(killed.out) == tree(calm.out)
    assert len(tree(calm.out)) == 6 * COUNT + 3
