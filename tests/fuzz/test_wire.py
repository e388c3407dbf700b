"""Whatever bytes a kernel sends become a value that can be written to a file, or a WireError, at once."""

import json
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.checks import assert_figure_shown
from autograder.checks.figures import png_size
from autograder.errors import SubmissionError
from autograder.execution import replies
from autograder.execution.wire import codec, figures

from .answers import answers, fault_of, nests, spoilt, texts

HERE = Path(__file__)


def value_of(head, blob):
    """Read a frame as the session does."""
    header, tensors = codec.unpack(head, blob)
    return header, codec.decode(header.get("value"), tensors, arrays=False)


def carried(value):
    """Return a value that the wire carries, as its frame; None if it cannot be carried."""
    try:
        tree, tensors = codec.encode(value)
        return codec.pack({"value": tree, "status": "ok", "id": 1}, tensors)
    except codec.WireError:
        return None


def written(value):
    """Write a value as a file holds it; of a tensor its type alone."""
    json.dumps(value, default=codec.type_name, ensure_ascii=False).encode()


@given(value=answers)
def test_what_can_be_sent_arrives_and_can_be_written(value):
    frame = carried(value)
    if frame is not None:
        written(value_of(*frame))


@st.composite
def broken(draw):
    """Return a frame with a few bytes changed, taken away or put in."""
    frame = carried(draw(nests)) or (b'{"value": {"T": "0"}}', b"")
    parts = [bytearray(frame[0]), bytearray(frame[1][: 2**16])]
    for _ in range(draw(st.integers(1, 6))):
        part = parts[draw(st.integers(0, 1))]
        place = draw(st.integers(0, min(len(part), 300)))
        how = draw(st.sampled_from(["change", "cut", "insert", "end"]))
        if how == "change" and place < len(part):
            part[place] = draw(st.integers(0, 255))
        elif how == "cut":
            del part[place : place + draw(st.integers(1, 9))]
        elif how == "insert":
            part[place:place] = draw(
                st.one_of(
                    st.binary(max_size=8), st.sampled_from([b'"T"', b'{"F":', b"[", b"\\ud800", b"1e999"])
                )
            )
        elif how == "end":
            del part[place:]
    return bytes(parts[0]), bytes(parts[1])


@given(frame=broken())
def test_broken_frames(frame):
    try:
        header, value = value_of(*frame)
    except codec.WireError:
        return
    written([header, value])


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from("ltdTNihfsFq"), inner, max_size=2),
        st.builds(lambda tag, inner: {tag: inner}, st.sampled_from("ltdTNihfsF"), inner),
        st.builds(
            lambda tag, text: {tag: text}, st.sampled_from("TNihfs"), st.sampled_from(["0", "1", "a", "-"])
        ),
        st.builds(lambda key, inner: {"d": [[key, inner]]}, inner, inner),
    ),
    max_leaves=20,
)


@given(tree=trees)
def test_forged_trees(tree):
    try:
        codec.decode(tree, {"0": torch.ones(3), "1": torch.zeros((), dtype=torch.bool)}, arrays=False)
    except codec.WireError:
        return


def test_a_tensor_that_is_named_twice_is_refused():
    with pytest.raises(codec.WireError, match="announced and not sent"):
        codec.decode({"l": [{"T": "0"}, {"T": "0"}]}, {"0": torch.ones(3)}, arrays=False)


def test_lone_surrogates_are_replaced_wherever_they_stand():
    head = b'{"value": {"s": "a\\ud800b"}, "\\udfff": "\\ud83d\\ude00 \\\\ud800"}'
    header, _ = codec.unpack(head, b"")
    assert header == {"value": {"s": "a\ufffdb"}, "\ufffd": "\U0001f600 \\ud800"}


PLAIN = {"text": "a", "visible": True, "x": 0.0, "y": 1.0, "centre_x": 0.0, "centre_y": 1.0}
GRID = {
    "shape": [2, 3],
    "x_edges": torch.arange(4.0).double(),
    "y_edges": torch.arange(3.0).double(),
    "values": torch.rand(2, 3).double(),
    "colour_bar": True,
    "one_colour": False,
}
AXES = {
    **{"title": "", "x_label": "", "y_label": "", "is_colour_bar": False},
    **{"grids": [GRID], "texts": [PLAIN, PLAIN], "x_ticks": [PLAIN], "y_ticks": [PLAIN]},
}
FIGURE = {"axes": [AXES, AXES], "png": torch.zeros(0, dtype=torch.uint8)}


@given(seed=st.integers(0, 2**32), odd=st.lists(answers, min_size=1, max_size=3), times=st.integers(0, 4))
def test_forged_figures(seed, odd, times):
    rng, described = random.Random(seed), FIGURE
    for _ in range(times):
        described = spoilt(described, rng, odd)
    try:
        found = figures.rebuild(described)
    except figures.FigureError:
        return
    assert isinstance(found.pixels, tuple)


def test_the_forged_figures_begin_with_one_that_is_read():
    assert len(figures.rebuild(FIGURE).axes) == 2


@given(
    images=st.lists(st.binary(max_size=40).map(lambda tail: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + tail))
)
def test_pictures(images):
    assert fault_of(lambda: assert_figure_shown(images), HERE) == ""
    assert all(len(png_size(image)) == 2 for image in images)


statuses = st.sampled_from(["missing", "raised", "unsendable", "interrupted", "\ud800", ""])
fields = ("found", "known", "error", "message", "undefined", "traceback", "what", "side_effects", "value")


@given(status=statuses, said=st.dictionaries(st.sampled_from(fields), leaves | nests, max_size=5))
def test_replies(status, said):
    reply = {"status": status, **said}
    replies.side_effects("f", reply, {"model:shipped"})
    with pytest.raises(SubmissionError):
        replies.raise_reply("f", reply)
