from __future__ import annotations

import random
import re
import time

import pytest

from autograder.execution.normalise_outputs import join_streams


def stream(name: str, text: str) -> dict[str, str]:
    return {"output_type": "stream", "name": name, "text": text}


def test_texts_of_a_stream_are_joined_and_stdout_comes_first() -> None:
    picture = {"output_type": "display_data", "data": {}}
    outputs = [stream("stderr", "e"), stream("stdout", "a"), picture, stream("stdout", "b")]

    assert join_streams(outputs) == [stream("stdout", "ab"), stream("stderr", "e"), picture]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("10%\r20%\r30%\n", "30%\n"),
        ("a\r\nb\r\n", "a\r\nb\r\n"),
        ("a\rb\nc\rd", "b\nd"),
        ("a\r", "a\r"),
        ("\r\r", "\r"),
        ("", ""),
    ],
)
def test_a_carriage_return_erases_what_stands_before_it(printed: str, shown: str) -> None:
    assert join_streams([stream("stdout", printed)])[0]["text"] == shown


def test_any_text_is_shown_as_nbclient_shows_it() -> None:
    rule, choose = re.compile(r".*\r(?=[^\n])"), random.Random(0)
    for _ in range(3000):
        text = "".join(choose.choice("ab\r\n\b") for _ in range(choose.randrange(12)))
        assert join_streams([stream("stdout", text)])[0]["text"] == rule.sub("", text), repr(text)


@pytest.mark.parametrize("text", ["x" * 4_000_000, "x\r" * 2_000_000, "\r" * 4_000_000], ids=["x", "xr", "r"])
def test_a_long_line_takes_no_time(text: str) -> None:
    began = time.perf_counter()
    join_streams([stream("stdout", text)])

    assert time.perf_counter() - began < 2
