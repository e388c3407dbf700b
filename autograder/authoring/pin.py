"""Pin the hub models of assignment.toml to a commit."""

from __future__ import annotations

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

from autograder.errors import AssignmentError


def pin(path: Path, profile: str, hub: str, revision: str) -> None:
    """Add `revision` to the models of this name in a profile that have none; the rest of the file stays the same.

    Args:
        path: assignment.toml.
        profile: Of the file.
        hub: The model's name on the hub.
        revision: A commit's whole hash.

    Raises:
        AssignmentError: If the edited lines would not give the pinned table; the file is then unchanged.
    """
    text = path.read_text(encoding="utf-8")
    wished = _pinned(tomllib.loads(text), profile, hub, revision)
    lines: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        lines.append(line)
        if heading := re.match(r"\s*\[([^]]*)\]", line):
            inside = heading[1].replace(" ", "").replace('"', "").startswith(f"profiles.{profile}.")
        elif inside and re.match(rf"\s*hub\s*=\s*[\"']{re.escape(hub)}[\"']\s*(#.*)?$", line):
            lines.append(f'revision = "{revision}"\n')
    written = "".join(lines)
    try:
        same = tomllib.loads(written) == wished
    except tomllib.TOMLDecodeError:  # a revision was there already, beside another that is missing
        same = False
    if not same:
        raise AssignmentError(
            f'{path}: write revision = "{revision}" below hub = "{hub}" yourself: the file is written in '
            "another way than this command can follow."
        )
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(written, encoding="utf-8")
    beside.replace(path)


def _pinned(table: dict[str, Any], profile: str, hub: str, revision: str) -> dict[str, Any]:
    """Return the table with the revision."""
    wished = copy.deepcopy(table)
    for model in wished["profiles"][profile].values():
        if isinstance(model, dict) and model.get("hub") == hub:
            model.setdefault("revision", revision)
    return wished
