"""The table and the plots of a calibration."""

import re
from xml.etree import ElementTree

import pytest

from autograder.authoring.calibrate.page import separation_plot, separation_rows
from autograder.comparison.measured_distances import Distances, Measurement
from autograder.records import Tolerance

MEASURED = Measurement(
    distances={
        "scores": Distances(
            right={"float32": 1e-6, "by <hooks>": 3e-6},
            wrong={"mean": 0.05, "sign": 2.0, "shape": 1e9, "told": 1e-6},
            inputs=4,
            checks=("test_a",),
        )
    },
    otherwise=frozenset({"told"}),
)
BOUND = Tolerance(metric="relative_l2", tau=4e-4, right=3e-6, wrong=0.05)


@pytest.fixture
def svg():
    return ElementTree.fromstring(separation_plot("scores", MEASURED, BOUND))


def dots(svg, kind):
    return {
        one.find("title").text: float(one.get("cx"))
        for one in svg.iter("circle")
        if one.get("class").split()[0] == kind
    }


def test_every_way_is_a_named_dot_and_the_bound_stands_between(svg):
    right, wrong = dots(svg, "right"), dots(svg, "wrong")
    assert right.keys() == {"float32: 1e-06", "by <hooks>: 3e-06"}
    assert wrong.keys() == {"mean: 0.05", "sign: 2", "shape: another form", "told: 1e-06 (told otherwise)"}
    (bound,) = (float(one.get("x1")) for one in svg.iter("line") if one.get("class") == "bound")
    assert max(right.values()) < bound < wrong["mean: 0.05"] < wrong["sign: 2"] < wrong["shape: another form"]


def test_equal_distances_share_no_place(svg):
    places = [(one.get("cx"), one.get("cy")) for one in svg.iter("circle")]
    assert len(set(places)) == len(places)


def test_the_picture_is_described_in_words(svg):
    assert svg.get("role") == "img"
    title, described = svg.find("title"), svg.find("desc")
    assert svg.get("aria-labelledby") == f"{title.get('id')} {described.get('id')}"
    assert described.text == (
        "2 right ways and 4 mistakes; the bound is 0.0004. The farthest right way is by <hooks> at 3e-06. "
        "The nearest mistake is mean at 0.05."
    )
    assert {"by <hooks>", "mean"} <= {one.text for one in svg.iter("text")}


def test_nothing_leaves_the_picture(svg):
    width = float(svg.get("viewBox").split()[2])
    assert all(0 < float(one.get("cx")) < width for one in svg.iter("circle"))
    assert not re.search(r"https?://", ElementTree.tostring(svg, encoding="unicode"))


def test_the_table_names_the_extremes():
    (row,) = separation_rows(MEASURED, {"scores": BOUND})
    assert (row.farthest, row.nearest, row.separation) == ("by <hooks>", "mean", "1.67e+04")
