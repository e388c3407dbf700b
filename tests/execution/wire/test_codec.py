from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
import torch

from autograder.execution.wire import codec


def journey(value: object, *, arrays: bool = False) -> object:
    tree, tensors = codec.encode(value)
    header, arrived = codec.unpack(*codec.pack({"value": tree}, tensors))
    return codec.decode(header["value"], arrived, arrays=arrays)


def test_values_survive_the_journey() -> None:
    value = {"a": [1, 2.5, None, "x", True], 3: ({"b": ()},), "c": -math.inf}

    assert journey(value) == value


def test_tensors_that_share_memory_survive() -> None:
    base = torch.arange(4.0)
    first, second = journey([base, base[1:]])  # type: ignore[misc]

    assert torch.equal(first, base) and torch.equal(second, base[1:])


def test_arrays_become_arrays_in_the_kernel_and_tensors_in_the_grader() -> None:
    assert isinstance(journey(np.ones(2), arrays=True), np.ndarray)
    assert isinstance(journey(np.ones(2)), torch.Tensor)


def test_a_tensor_subclass_arrives_plain() -> None:
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return torch.zeros(1)

    result = journey(torch.ones(2).as_subclass(Liar))

    assert type(result) is torch.Tensor
    assert torch.equal(result, torch.ones(2))


def test_an_array_subclass_arrives_plain() -> None:
    class Liar(np.ndarray):
        def astype(self, *args, **kwargs):
            raise AssertionError("overridden method was called")

    assert torch.equal(journey(np.ones(2).view(Liar)), torch.ones(2, dtype=torch.float64))  # type: ignore[arg-type]


def test_cycles_are_refused() -> None:
    loop: list[object] = []
    loop.append(loop)

    with pytest.raises(codec.WireError, match="nested deeper than 32 levels"):
        codec.encode(loop)


@pytest.mark.parametrize(
    "tree",
    [
        5, "x", [], {}, {"l": [], "t": []}, {"T": "0"}, {"T": 0}, {"T": "9"}, {"i": "zz"}, {"i": "f" * 2000},
        {"f": "x"}, {"f": "0x1p99999"}, {"d": [[{"l": []}, None]]}, {"d": [[{"s": "a"}]]}, {"d": "ab"}, {"q": "x"},
        {"h": "model:shipped"},
    ],
    ids=repr,
)  # fmt: skip
def test_malformed_values_are_refused(tree: object) -> None:
    with pytest.raises(codec.WireError):
        codec.decode(tree, {}, arrays=False)


@pytest.mark.parametrize(
    "head",
    [b"", b"{", b"[]", b"\xff\xfe", b"5", b"[" * 100_000, b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"],
    ids=range(7),
)
def test_malformed_headers_are_refused(head: bytes) -> None:
    with pytest.raises(codec.WireError):
        codec.unpack(head, b"")


def tensors_blob(header: dict[str, object], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "blob",
    [
        b"x",
        struct.pack("<Q", 2**60) + b"{}",
        tensors_blob({"0": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        tensors_blob({"0": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 4]}}, bytes(4)),
        tensors_blob({"0": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
        tensors_blob({"0": {"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}}, bytes(4)),
        tensors_blob({"0": {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        tensors_blob({"0": {"dtype": "F32", "shape": [1] * 40, "data_offsets": [0, 4]}}, bytes(4)),
        b"\x80\x04\x95" + bytes(20),
    ],
    ids=range(9),
)
def test_malformed_tensors_are_refused(blob: bytes) -> None:
    with pytest.raises(codec.WireError):
        codec.unpack(b"{}", blob)


def test_lengths_are_checked_before_anything_is_read() -> None:
    with pytest.raises(codec.WireError, match="an answer of 101 bytes"):
        codec.check_lengths(1, 100, 50)
    with pytest.raises(codec.WireError):
        codec.check_lengths(2**31, 0)
