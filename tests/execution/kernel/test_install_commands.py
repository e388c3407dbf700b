from __future__ import annotations

import sys
from typing import Any

import pytest

from autograder.execution.kernel.install_commands import arguments_without_installs, without_installs


@pytest.mark.parametrize(
    "command",
    [
        "pip install transformers[torch]",
        "pip3.11 install -q 'captum>=0.7'",
        "pip install --upgrade pip 2>&1 > /dev/null",
        f"{sys.executable} -m pip install x",
        "{sys.executable} -m pip install x",
        "python3 -u -m pip install -r requirements.txt",
        "python -m spacy download en_core_web_sm",
        "apt-get update -qq && apt-get install -y graphviz",
        "sudo apt install ffmpeg",
        "DEBIAN_FRONTEND=noninteractive apt-get -y install x",
        "conda install -y numpy -c conda-forge",
        "mamba install x; conda clean -a",
        "uv pip install x",
        "wget -q https://example.com/a.zip -O a.zip",
        "curl -L 'https://example.com/a?b=c&d=e;f' > a.json",
        "git clone https://github.com/a/b.git",
        "git -C somewhere pull",
        "kaggle datasets download -d a/b",
        "# set-up\n  pip install x\n\npip install y",
        "pip  install \\\n  x",
    ],
)
def test_a_command_that_only_installs_leaves_nothing(command: str) -> None:
    rest, found = without_installs(command)

    assert rest == ""
    assert found


@pytest.mark.parametrize(
    "command",
    [
        "echo pip install x",
        "ls *.whl; cat pip.txt",
        "git status && git log -1",
        "python -m pytest",
        "python train.py --pip",
        "nvidia-smi",
        "echo 'a; pip install x'",
        "./pipeline run",
        "aptly list",
        "grep -r wget .",
    ],
)
def test_another_command_is_left_alone(command: str) -> None:
    assert without_installs(command) == (command, [])


@pytest.mark.parametrize(
    ("command", "rest", "found"),
    [
        ("pip install -q 'x>=1' 2>&1 | tail -1", ":  | tail -1", ["pip install -q 'x>=1' 2>&1"]),
        ("pip install x && echo done", ": && echo done", ["pip install x"]),
        ("mkdir d; wget http://a/b", "mkdir d;: ", ["wget http://a/b"]),
        ("for p in a b; do pip install $p; done", "for p in a b; do : ; done", ["pip install $p"]),
        ("cd d || git clone u d", "cd d ||: ", ["git clone u d"]),
    ],
)
def test_what_stands_beside_an_install_is_kept(command: str, rest: str, found: list[str]) -> None:
    actual, commands = without_installs(command)

    assert actual.replace(" ", "") == rest.replace(" ", "")
    assert commands == found


@pytest.mark.parametrize(
    "arguments",
    [
        [sys.executable, "-m", "pip", "install", "x"],
        ("pip", "install", "x y"),
        ["bash", "-c", "pip install x"],
        "apt-get install x",
        b"wget http://x",
    ],
)
def test_arguments_of_an_installer_are_replaced(arguments: Any) -> None:
    rest, found = arguments_without_installs(arguments)

    assert found
    assert rest in (":", ["sh", "-c", ":"], ["bash", "-c", ":"])


@pytest.mark.parametrize("arguments", [["ls", "-l"], "ls -l", ["bash", "-c", "ls"], [b"echo", "pip"], 5])
def test_arguments_of_another_program_are_left_alone(arguments: Any) -> None:
    assert arguments_without_installs(arguments) == (arguments, [])


def test_a_long_script_is_read_in_time_that_grows_with_it() -> None:
    assert without_installs("'" * 20_000)[1] == []
    assert without_installs("\\" * 20_001)[1] == []
    assert without_installs("sudo " * 20_000)[1] == []
