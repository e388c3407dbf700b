"""Recognise shell commands that install packages or download files: none of them can work while grading."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

_PIECES = re.compile(
    r"""(?P<command>(?:\d*[<>]&[\d-]?|&>|\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^;&|\n\\'"]|['"])+)|(?P<between>[;&|\n]+|\\)""",
    re.DOTALL,
)
"""A script as commands and what joins them; quotes and redirections hold a command together."""

_BEFORE = re.compile(
    r"\s*(?:(?:do|then|else|elif|if|while|[({!]|time|nohup|exec|command|yes|"
    r"sudo(?:\s+-[a-zA-Z]+)*|env|[A-Za-z_]\w*=\S*)\s+|[({])*"
)
_INSTALLS = re.compile(
    r"""['"]?(?:\S*/)?(?:
        pip[\d.]* | conda | mamba | micromamba | apt | apt-get | aptitude | yum | dnf | apk | brew | snap | dpkg
        | wget | curl | aria2c | gdown | npm | pipx | easy_install | huggingface-cli
        | (?:hf|kaggle)\b.*\bdownload
        | uv\s+(?:pip|add|sync|venv|tool)
        | (?:poetry|pixi)\s+(?:add|install)
        | git\s+(?:-[Cc]\s+\S+\s+|-\S+\s+)*(?:clone|pull|fetch|lfs|submodule)
    )['"]?(?=\s|$)
    | \S+\s+(?:-\S+\s+)*?-m\s*(?:pip|ensurepip|venv|gdown|spacy\s+download|nltk\.downloader)(?=\s|$)""",
    re.VERBOSE,
)
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash", "/usr/bin/bash"})


def without_installs(script: str) -> tuple[str, list[str]]:
    """Take the install and download commands out of a shell script.

    Args:
        script: One or more lines.

    Returns:
        The script with each such command replaced by `:`, "" where nothing else is left, and the commands.
    """
    rest, found, nothing_left = [], [], True
    for piece in _PIECES.finditer(script):
        command = piece["command"]
        if command is None:
            rest.append(piece[0])
            continue
        before = _BEFORE.match(command)
        start = before.end() if before else 0
        if _INSTALLS.match(command, start):
            found.append(command[start:].strip())
            rest.append(f"{command[:start]}: ")
        else:
            rest.append(command)
            stripped = command.strip()
            nothing_left &= not stripped or stripped.startswith("#")
    return ("" if found and nothing_left else "".join(rest)), found


def arguments_without_installs(arguments: Any) -> tuple[Any, list[str]]:
    """Do the same for what `subprocess` takes: a command line, or a sequence of words.

    Returns:
        What is to be run instead, and the commands taken out.
    """
    if isinstance(arguments, bytes):
        arguments = os.fsdecode(arguments)
    if isinstance(arguments, str):
        rest, found = without_installs(arguments)
        return (rest or ":") if found else arguments, found
    try:
        words = [os.fsdecode(word) for word in arguments]
    except TypeError:
        return arguments, []
    if len(words) > 2 and words[0] in _SHELLS and words[1] in {"-c", "-lc"}:
        rest, found = without_installs(words[2])
        return ([*words[:2], rest or ":", *words[3:]] if found else arguments), found
    command = shlex.join(words)
    before = _BEFORE.match(command)
    if _INSTALLS.match(command, before.end() if before else 0):
        return ["sh", "-c", ":"], [command]
    return arguments, []
