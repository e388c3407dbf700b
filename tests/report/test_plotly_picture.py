"""Plotly figures drawn from their data by matplotlib."""

from __future__ import annotations

import base64
import json
import struct
import time

import pytest

from autograder.report.plotly_picture import drawn_figure


def drawn(*traces: object, **layout: object):
    return drawn_figure(json.dumps({"data": list(traces), "layout": layout}))


def size(png: str) -> tuple[int, int]:
    raw = base64.b64decode(png)
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", raw[16:24])
    return width, height


@pytest.mark.parametrize(
    "trace",
    [
        {"type": "bar", "x": ["a", "b"], "y": [1, -2.5], "name": "scores"},
        {"type": "bar", "x": [1, 2], "y": ["a", "b"], "orientation": "h"},
        {"type": "bar", "y": {"dtype": "i1", "bdata": base64.b64encode(bytes([1, 254])).decode()}},
        {"type": "scatter", "x": [1, 2], "y": [1, None], "mode": "markers"},
        {"y": [1, 2, 3]},
        {"type": "scattergl", "x": ["2024", "2025"], "y": [1, 2], "mode": "lines+markers"},
        {"type": "histogram", "x": [1, 1, 2]},
        {"type": "heatmap", "z": [[1, 2], [3]], "x": ["a", "b"], "y": ["$c$", "d"]},
        {
            "type": "heatmap",
            "z": {
                "dtype": "f8",
                "shape": "2, 2",
                "bdata": base64.b64encode(struct.pack("<4d", 1, 2, 3, 4)).decode(),
            },
        },
    ],
)
def test_common_traces_are_drawn(trace: dict[str, object]) -> None:
    blank = drawn({"type": "bar", "x": [], "y": []})
    figure = drawn(trace, title={"text": "Words $x_1"}, xaxis={"title": {"text": "token"}})
    assert size(figure.png) == (800, 450)
    assert figure.missing == ()
    assert not figure.cut
    assert figure.title == "Words $x_1"
    assert figure.png != blank.png


def test_what_is_not_drawn_is_named() -> None:
    figure = drawn({"type": "sankey"}, {"type": "bar", "x": ["a"], "y": [1]})
    assert figure.png and figure.missing == ("sankey",)
    only = drawn({"type": "sankey"}, {"type": "scatter3d"}, title="Flow")
    assert (only.png, only.missing, only.title) == ("", ("sankey", "scatter3d"), "Flow")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "[" * 100_000,
        "[]",
        "{}",
        '{"data": 5, "layout": []}',
        '{"data": [5, {"type": ["bar"]}]}',
        '{"data": [{"type": "heatmap", "z": "text"}]}',
        '{"data": [{"type": "heatmap", "z": [["a"], 5]}]}',
        '{"data": [{"type": "bar", "x": [1], "y": [1, 2]}]}',
        '{"data": [{"type": "bar", "y": {"dtype": "O", "bdata": "AAAA"}}]}',
        '{"data": [{"type": "bar", "y": {"dtype": "f8", "bdata": "!"}}]}',
        '{"data": [{"type": "bar", "y": {"dtype": "i1", "bdata": "AAAA", "shape": "9,9"}}]}',
        '{"data": [{"type": "bar", "y": [1e308, -1e308, NaN, Infinity]}]}',
        '{"data": [{"type": "histogram", "x": [1e308, -1e308]}]}',
        '{"data": [{"type": "histogram", "x": [NaN, Infinity]}]}',
        '{"data": [{"type": "scatter", "y": [' + "1" * 400 + "]}]}",
    ],
)
def test_malformed_figures_raise_nothing(source: str) -> None:
    assert isinstance(drawn_figure(source).png, str)


def test_large_data_are_cut() -> None:
    many = {"type": "bar", "x": [f"w{n}" for n in range(20_000)], "y": [1] * 20_000}
    lines = [{"y": list(range(20_000))} for _ in range(100)]
    began = time.perf_counter()
    for figure in (drawn(*lines), drawn({"type": "heatmap", "z": [[1] * 3000] * 101}), drawn(*[many] * 30)):
        assert figure.png and figure.cut
    assert time.perf_counter() - began < 60
