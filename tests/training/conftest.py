"""Where the real sentences lie, if they do."""

import os
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# The training scripts are no part of the package that is installed; they put student_template/ on the path.
sys.path.append(str(PROJECT))
import training.intent_de  # noqa: E402, F401


@pytest.fixture(scope="session")
def xsid_dir() -> Path:
    """The folder of the German xSID extract."""
    folder = Path(os.environ.get("XSID_DIR", PROJECT / "data" / "xsid_de"))
    if not (folder / "test.csv").is_file():
        pytest.skip(f"no xSID data in {folder}: python -m training.intent_de.fetch_xsid, or set XSID_DIR")
    return folder
