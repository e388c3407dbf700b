"""A returned Figure arrives as what stands in it and a PNG, whatever library call drew it."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib
import matplotlib.colors
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from autograder.errors import StudentCodeError, SubmissionError
from autograder.execution.session import KernelSession
from autograder.execution.wire import codec, describe_figure, figures

from ..conftest import Runner

matplotlib.use("Agg")
ROWS, COLUMNS = 2, 3
VALUES = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
WORDS = [["a", "b", "c"], ["d", "e", "f"]]


def journey(value: object) -> Any:
    tree, tensors = codec.encode(value)
    header, arrived = codec.unpack(*codec.pack({"value": tree}, tensors))
    return codec.decode(header["value"], arrived, arrays=False)


def lens(kind: str = "imshow", *, origin: Any = "upper", bar: bool = True) -> Figure:
    """Draw two rows of three cells, a word in each, by one way of matplotlib's."""
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    shift = 0.0 if kind == "imshow" else 0.5
    if kind == "imshow":
        drawn = axes.imshow(VALUES, origin=origin, aspect="auto")
    elif kind == "pcolormesh":
        drawn = axes.pcolormesh(VALUES, edgecolors="white")
    elif kind == "turned pcolormesh":
        x, y = np.meshgrid(np.arange(COLUMNS + 1), np.arange(ROWS + 1))
        drawn = axes.pcolormesh(x.T, y.T, VALUES.T)
    else:
        drawn = axes.pcolor(VALUES)
    for row in range(ROWS):
        for column in range(COLUMNS):
            axes.text(column + shift, row + shift, WORDS[row][column], ha="center", va="center")
    axes.set_xticks(np.arange(COLUMNS) + shift, ["The", " Eiffel", " Tower"], rotation=45)
    axes.set_title("Lens")
    if bar:
        figure.colorbar(drawn)
    return figure


def cell_of(grid: figures.CellGrid, text: figures.PlacedText) -> tuple[int, int]:
    """Return row and column of the array's cell that a text stands in."""
    found = []
    for edges, place in ((grid.y_edges, text.y), (grid.x_edges, text.x)):
        between = [min(pair) <= place <= max(pair) for pair in itertools.pairwise(edges)]
        found.append(between.index(True))
    return found[0], found[1]


@pytest.mark.parametrize("kind", ["imshow", "pcolormesh", "turned pcolormesh", "pcolor"])
def test_every_way_to_draw_cells_tells_their_values_and_places(kind: str) -> None:
    described = journey(lens(kind))

    (grid,) = described.axes[0].grids
    assert grid.shape == (ROWS, COLUMNS)
    assert torch.equal(grid.values, torch.tensor(VALUES))
    assert [
        WORDS[row][column] for row, column in (cell_of(grid, text) for text in described.axes[0].texts)
    ] == [text.text for text in described.axes[0].texts]


@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_rows_are_the_arrays_whichever_end_is_up(origin: str) -> None:
    axes = journey(lens(origin=origin)).axes[0]

    assert [cell_of(axes.grids[0], text) for text in axes.texts] == [
        (row, column) for row in range(2) for column in range(3)
    ]


def test_tick_labels_have_their_places() -> None:
    axes = journey(lens()).axes[0]

    assert [(tick.text, tick.x) for tick in axes.x_ticks] == [("The", 0), (" Eiffel", 1), (" Tower", 2)]
    assert all(tick.x == 0 for tick in axes.y_ticks) and axes.y_ticks


def test_tick_labels_on_top_and_ticks_made_while_drawing_are_found() -> None:
    figure = lens()
    figure.axes[0].xaxis.tick_top()
    figure.axes[0].yaxis.set_major_formatter(lambda value, place: f"layer {value:g}")
    axes = journey(figure).axes[0]

    assert [tick.text for tick in axes.x_ticks] == ["The", " Eiffel", " Tower"]
    assert "layer 1" in [tick.text for tick in axes.y_ticks]


def test_a_colour_bar_is_told_from_the_cells() -> None:
    first, second = journey(lens()).axes

    assert (first.is_colour_bar, first.grids[0].colour_bar) == (False, True)
    assert second.is_colour_bar
    assert not journey(lens(bar=False)).axes[0].grids[0].colour_bar


def test_texts_in_other_coordinates_are_brought_to_the_cells() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.imshow(VALUES)
    axes.text(0.5, 0.25, "by share", transform=axes.transAxes)
    axes.annotate("by arrow", (2, 0), xytext=(0, 0), textcoords="offset points")
    axes.text(1, 1, "unseen", visible=False)
    by_share, by_arrow = journey(figure).axes[0].texts

    assert (by_share.x, by_share.y) == pytest.approx((1, 1), abs=1e-6)
    assert (by_arrow.x, by_arrow.y) == pytest.approx((2, 0), abs=1e-6)


def test_a_text_tells_its_middle_beside_its_place() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.pcolormesh(VALUES)
    axes.text(1, 1, "corner", ha="left", va="bottom")
    axes.text(1.5, 1.5, "middle", ha="center", va="center")
    corner, middle = journey(figure).axes[0].texts

    assert (corner.x, corner.y) == pytest.approx((1, 1), abs=1e-6)
    assert corner.centre_x > 1.05 and corner.centre_y > 1.02
    assert (middle.centre_x, middle.centre_y) == pytest.approx((1.5, 1.5), abs=0.02)


def test_masked_cells_and_colours_given_as_such_are_told() -> None:
    figure = Figure()
    first, second = figure.subplots(1, 2)
    first.imshow(np.ma.masked_greater(VALUES, 0.5))
    second.imshow(np.zeros((ROWS, COLUMNS, 3)))
    masked, coloured = (axes.grids[0] for axes in journey(figure).axes)

    assert masked.values.isnan().sum() == 1 and masked.values.isfinite().sum() == 5
    assert coloured.shape == (ROWS, COLUMNS) and coloured.values is None


@pytest.mark.parametrize("draw", ["imshow", "pcolormesh", "pcolor"])
def test_cells_of_one_colour_are_told_whatever_their_values(draw: str) -> None:
    figure = Figure()
    usual, saturated, flat = figure.subplots(1, 3)
    getattr(usual, draw)(VALUES)
    getattr(saturated, draw)(100 * VALUES, vmin=0, vmax=1)
    getattr(flat, draw)(np.zeros((ROWS, COLUMNS)))

    assert [axes.grids[0].one_colour for axes in journey(figure).axes] == [False, True, True]


def test_cells_may_differ_by_other_colours_than_those_of_a_scale() -> None:
    figure = Figure()
    black, grey, faint, framed = figure.subplots(1, 4)
    black.imshow(np.zeros((ROWS, COLUMNS, 3)))
    grey.imshow(np.stack([VALUES] * 3, axis=-1))
    faint.imshow(np.zeros((ROWS, COLUMNS)), alpha=VALUES)
    framed.pcolormesh(VALUES, facecolors="none", edgecolors=["red", "green", "blue"])

    assert [axes.grids[0].one_colour for axes in journey(figure).axes] == [True, False, False, False]


def test_the_picture_is_a_png_of_bounded_size() -> None:
    assert journey(lens()).pixels == (400, 300)
    wide = Figure(figsize=(100, 2))
    assert journey(wide).pixels[0] <= 1600


def test_a_figure_may_stand_in_a_tuple_and_is_closed() -> None:
    from matplotlib import pyplot

    figure, _ = pyplot.subplots()
    arrived = journey((figure, 3))

    assert isinstance(arrived[0], figures.FigureDescription) and arrived[1] == 3
    assert not pyplot.fignum_exists(figure.number)


def test_without_a_picture_the_rest_is_the_same() -> None:
    found = figures.rebuild(describe_figure.describe(lens(), picture=False))

    assert found.png == b"" and found.pixels == (0, 0)
    assert found.axes[0].x_ticks == journey(lens()).axes[0].x_ticks


def test_long_texts_are_cut_and_large_grids_lose_their_values() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.set_title("x" * 5000)
    axes.imshow(np.zeros((300, 300)))
    described = journey(figure).axes[0]

    assert len(described.title) == figures.MAX_TEXT_CHARS
    assert described.grids[0].shape == (300, 300) and described.grids[0].values is None


@pytest.mark.parametrize("much", ["axes", "texts", "images"])
def test_too_much_is_refused(much: str) -> None:
    figure = Figure(figsize=(3, 3))
    if much == "axes":
        figure.subplots(1, figures.MAX_AXES + 1)
    else:
        axes = figure.subplots()
        for _ in range(figures.MAX_TEXTS + 1 if much == "texts" else figures.MAX_GRIDS + 1):
            axes.text(0.5, 0.5, "x", clip_on=True) if much == "texts" else axes.imshow(VALUES)
    with pytest.raises(codec.WireError, match=f"a figure with .* {much}.* more than"):
        codec.encode(figure)


@pytest.mark.long
def test_a_picture_with_a_text_in_each_of_four_thousand_cells_is_described() -> None:
    figure = Figure(figsize=(3, 3))
    axes = figure.subplots()
    axes.imshow(np.zeros((63, 65)))
    for row, column in np.ndindex(63, 65):
        axes.text(column, row, "x")
    assert len(journey(figure).axes[0].texts) == 63 * 65


def test_more_texts_and_cells_than_checks_can_look_up_are_refused() -> None:
    figure = Figure(figsize=(3, 3))
    axes = figure.subplots()
    axes.imshow(np.zeros((2, 2**15 - 1)), aspect="auto")
    for _ in range(40):
        axes.text(0.5, 0.5, "x")
    with pytest.raises(codec.WireError, match="a figure with too many texts and cells"):
        codec.encode(figure)


TEXT = {"text": "a", "visible": True, "x": 0.0, "y": 0.0, "centre_x": 0.0, "centre_y": 0.0}


TALL = {
    "shape": [2**16, 1],
    "x_edges": torch.zeros(2),
    "y_edges": torch.zeros(2**16 + 1),
    "values": None,
    "colour_bar": False,
    "one_colour": False,
}


def spoiled(**changes: object) -> dict[str, Any]:
    described = describe_figure.describe(lens())
    axes = described["axes"][0]
    for name, value in changes.items():
        target = described if name in described else axes if name in axes else axes["grids"][0]
        target[name] = value
    return described


@pytest.mark.parametrize(
    "changes",
    [
        {"png": torch.tensor([71, 73, 70], dtype=torch.uint8)},
        {"png": torch.zeros(3)},
        {"axes": [None]},
        {"axes": {}},
        {"axes": [{}] * 99},
        {"title": 5},
        {"is_colour_bar": "yes"},
        {"texts": [{**TEXT, "x": float("nan")}]},
        {"texts": [{**TEXT, "centre_y": float("inf")}]},
        {"texts": [{**TEXT, "x": "0"}]},
        {"texts": [{"text": "a"}]},
        {"texts": [TEXT] * 5000},
        {"texts": [TEXT] * 4000, "grids": [TALL]},
        {"shape": [2]},
        {"shape": [2, -3]},
        {"shape": [2.0, 3.0]},
        {"x_edges": torch.zeros(2)},
        {"y_edges": torch.tensor([0.0, 1.0, float("inf")])},
        {"one_colour": 1},
        {"values": torch.zeros(3, 2)},
        {"values": torch.zeros(2, 3, dtype=torch.int64)},
        {"grids": [{}]},
    ],
    ids=str,
)
def test_a_malformed_description_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(figures.FigureError, match="a malformed figure"):
        figures.rebuild(spoiled(**changes))


@pytest.mark.parametrize("content", ["x", None, {"l": []}, {"d": []}, {"F": {"d": []}}], ids=str)
def test_a_malformed_figure_on_the_wire_is_refused(content: object) -> None:
    with pytest.raises(codec.WireError):
        codec.decode({"F": content}, {}, arrays=False)


STUDENT = """
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
def draw(shown=False):
    figure, axes = plt.subplots(figsize=(5, 4))
    axes.imshow([[0.0, 1.0]])
    axes.text(1, 0, "word")
    if shown:
        plt.show()
    return figure
def bare():
    figure = Figure()
    figure.add_subplot().imshow([[0.0, 1.0]])
    return figure
def broken():
    figure = Figure()
    figure.add_subplot().text(0, 0, "$\\\\nonsense{$")
    return figure
def axes_alone(): return plt.subplots()[1]
def number_open(): return len(plt.get_fignums())
"""


@pytest.fixture(scope="module")
def session(zygote: Any) -> Any:
    made = Runner(zygote).session(STUDENT, call_timeout_s=20)
    made.run()
    yield made
    made.close()


@pytest.mark.sandbox
@pytest.mark.parametrize("name", ["draw", "bare"])
def test_a_kernel_sends_a_figure(session: KernelSession, name: str) -> None:
    found = session.call(name, seed=0)

    assert isinstance(found, figures.FigureDescription)
    assert found.axes[0].grids[0].shape == (1, 2)
    assert min(found.pixels) >= 300


@pytest.mark.sandbox
def test_a_figure_that_was_shown_already_is_sent_too_and_none_stays_open(session: KernelSession) -> None:
    found = session.call("draw", (True,), seed=0)

    assert [text.text for text in found.axes[0].texts] == ["word"]
    assert session.call("number_open", seed=0) == 0


@pytest.mark.sandbox
def test_a_figure_that_cannot_be_drawn_is_the_students_error(session: KernelSession) -> None:
    with pytest.raises(StudentCodeError, match=r"broken\(\) raised ValueError"):
        session.call("broken", seed=0)


@pytest.mark.sandbox
def test_axes_in_place_of_a_figure_are_told(session: KernelSession) -> None:
    with pytest.raises(
        SubmissionError, match=r"a value of type matplotlib\.axes.*Axes, which cannot be graded"
    ):
        session.call("axes_alone", seed=0)


def words(figure: Figure) -> dict[str, bool]:
    """Return whether each text of a figure's first axes is seen."""
    axes = journey(figure).axes[0]
    return {text.text: text.visible for text in (*axes.texts, *axes.x_ticks)}


def test_texts_that_can_be_read_are_visible() -> None:
    assert set(words(lens()).values()) == {True}


@pytest.mark.parametrize(
    "look",
    [
        {"alpha": 0}, {"alpha": 0.05}, {"color": (0, 0, 0, 0)}, {"fontsize": 1e-3}, {"visible": False},
        {"color": "#440154"}, {"x": 40, "clip_on": True}, {"x": 40}, {"zorder": -5}, {"animated": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_text_that_nobody_can_see_is_not_visible(look: dict[str, Any]) -> None:
    figure = lens()
    # In the cell of the smallest value, which viridis draws in #440154.
    figure.axes[0].text(**{"x": -0.4, "y": -0.3, "s": "hidden", **look})

    assert words(figure).get("hidden", False) is False


def test_a_visible_text_in_the_same_place_shows_no_other() -> None:
    figure = lens()
    figure.axes[0].text(0, 0, "hidden", ha="center", va="center", alpha=0)

    assert words(figure) == {**words(lens()), "hidden": False}


def test_tick_labels_that_nobody_can_see_are_not_visible() -> None:
    figure = lens()
    for label in figure.axes[0].get_xticklabels():
        label.set_alpha(0)

    assert [text.visible for text in journey(figure).axes[0].x_ticks] == [False] * 3


def test_a_figure_is_left_as_it_was_drawn() -> None:
    figure = lens()
    canvas, dpi = figure.canvas, figure.dpi
    figure.axes[0].texts[0].set_alpha(0.7)
    describe_figure.describe(figure)

    assert (figure.canvas, figure.dpi) == (canvas, dpi)
    assert [text.get_alpha() for text in figure.axes[0].texts[:2]] == [0.7, None]


@pytest.mark.parametrize(
    ("colours", "alike"), [(["#ffffff", "#fffffe"], True), (["#ffffff", "#eeeeff"], False)]
)
def test_colours_that_nobody_can_tell_apart_are_one(colours: list[str], alike: bool) -> None:
    figure = Figure()
    figure.subplots().imshow(VALUES, cmap=matplotlib.colors.ListedColormap(colours))

    assert journey(figure).axes[0].grids[0].one_colour is alike


def test_cells_that_are_transparent_have_one_colour() -> None:
    figure = Figure()
    figure.subplots().imshow(VALUES, alpha=0)

    assert journey(figure).axes[0].grids[0].one_colour
