"""What plot cells show beside PNGs."""

from __future__ import annotations

import pytest

from autograder.course.notebooks import shown_outputs


def notebook(*bundles: object, tags: tuple[str, ...] = ("plot",)) -> dict[str, object]:
    outputs = [{"output_type": "display_data", "data": bundle} for bundle in bundles]
    return {
        "cells": [{"cell_type": "code", "metadata": {"tags": list(tags)}, "source": "", "outputs": outputs}]
    }


@pytest.mark.parametrize(
    ("bundle", "kind", "content"),
    [
        ({"image/jpeg": "AAAA", "text/html": "<b>x</b>"}, "jpeg", "AAAA"),
        ({"image/svg+xml": ["<svg>", "</svg>"]}, "svg", "<svg></svg>"),
        ({"text/html": "<b>x</b>", "text/plain": "x"}, "html", "<b>x</b>"),
        ({"application/vnd.plotly.v1+json": {"data": []}, "text/html": "x"}, "plotly", '{"data": []}'),
        (
            {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "IntSlider()"},
            "text",
            "IntSlider()",
        ),
    ],
)
def test_the_richest_form_of_an_output_is_kept(bundle: object, kind: str, content: str) -> None:
    (found,) = shown_outputs(notebook(bundle))
    assert (found.kind, found.content) == (kind, content)


@pytest.mark.parametrize(
    "bundle",
    [
        {"image/png": "AAAA", "text/html": "x"},
        {"text/plain": "x"},
        {"text/html": 5},
        {},
        None,
        [],
        {"text/html": [5]},
    ],
)
def test_pngs_plain_texts_and_malformed_outputs_are_not(bundle: object) -> None:
    assert shown_outputs(notebook(bundle)) == ()


def test_only_plot_cells_count() -> None:
    assert shown_outputs(notebook({"text/html": "x"}, tags=())) == ()


def test_number_and_size_are_bounded() -> None:
    found = shown_outputs(notebook(*[{"text/html": "x" * 600_000}] * 20))
    assert len(found) == 12
    assert {(output.kind, len(output.content)) for output in found} == {("too large", 500_000)}
    assert shown_outputs(notebook({"image/jpeg": "A" * 3_000_000})) == ()


def test_a_table_is_no_figure_coloured_words_are() -> None:
    table, words = shown_outputs(
        notebook({"text/html": "<table><tr><td>1"}, {"text/html": "<b style='background: red'>x"})
    )
    assert not table.is_figure and words.is_figure
