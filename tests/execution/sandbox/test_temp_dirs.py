from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autograder.execution.sandbox import temp_dirs
from autograder.execution.sandbox.box import FIRST_UID

MAKE = "from autograder.execution.sandbox.temp_dirs import make_folder as m; print(m('root'), m('box'))"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def made_by_another(tmp_path: Path) -> tuple[Path, Path]:
    """Let a process that ends make folders, as one that is killed leaves them."""
    told = subprocess.run(
        [sys.executable, "-c", MAKE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    root, box = (Path(name) for name in told.stdout.split())
    return root, box


def test_folders_of_a_process_that_ended_are_taken_away(tmp_path: Path) -> None:
    root, box = made_by_another(tmp_path)
    (box / "written").write_text("by the student")
    assert root.parent == box.parent == tmp_path

    temp_dirs.clear(FIRST_UID)

    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    root, _ = made_by_another(tmp_path)
    (root / "file").write_text("whose?")

    temp_dirs.clear(FIRST_UID)

    assert (root / "file").exists()


def test_folders_of_running_processes_and_of_others_stay(tmp_path: Path) -> None:
    mine = Path(temp_dirs.make_folder("box"))
    table, start = mine.name.split("-")[2], mine.name.split("-")[4]
    elsewhere = tmp_path / "autograder-box-1-999999999-5-abcdefgh"  # a container that shares /tmp
    elsewhere.mkdir()
    foreign = [tmp_path / "autograder-results", tmp_path / "autograder-box-old"]
    for folder in foreign:
        folder.mkdir()
    link = tmp_path / f"autograder-box-{table}-999999999-{start}-abcdefgh"
    link.symlink_to(mine)

    temp_dirs.clear(FIRST_UID)

    assert mine.is_dir() and elsewhere.is_dir() and link.is_symlink()
    assert all(folder.is_dir() for folder in foreign)


def test_a_number_that_another_process_has_now_is_no_owner(tmp_path: Path) -> None:
    mine = Path(temp_dirs.make_folder("box"))
    parts = mine.name.split("-")
    reused = tmp_path / "-".join([*parts[:4], "1", "abcdefgh"])
    reused.mkdir()

    temp_dirs.clear(FIRST_UID)

    assert mine.is_dir() and not reused.exists()
