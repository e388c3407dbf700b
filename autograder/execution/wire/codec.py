"""What crosses between grader and kernel: JSON for structure, safetensors for tensors, never pickle.

A frame is `u32 header length, u64 blob length, header, blob`. The header is JSON; the blob holds the
tensors of the header's values in safetensors form. Both sides use this module; the grader trusts nothing
that it reads here but what these functions have checked.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.torch
import torch

from autograder.execution.wire import describe_figure, figures
from autograder.execution.wire.headers import depth_of, parsed

PREFIX = struct.Struct("<IQ")
MAX_HEADER_BYTES = 16 * 2**20
MAX_DEPTH = 32
MAX_DIMENSIONS = 16
MAX_TENSORS = 2**16
MAX_FDS = 64
_MAX_INT_BITS = 4096

DTYPES = frozenset(
    {
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool),
    }
)


class WireError(Exception):
    """A value or a frame that cannot be carried; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """A model or tokenizer that lives in the kernel under this name."""

    name: str
    """`model:shipped`."""


def encode(value: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """Turn a value into JSON and plain CPU tensors.

    Args:
        value: None, bool, int, float, str, list, tuple, dict, tensor, NumPy array or number, Handle,
            matplotlib Figure (drawn and closed; it arrives as a FigureDescription).

    Returns:
        (tree, tensors): the tree names the tensors by their keys.

    Raises:
        WireError: If something in it cannot be carried.
    """
    tensors: dict[str, torch.Tensor] = {}
    return _encode(value, tensors, 0), tensors


def _encode(value: Any, tensors: dict[str, torch.Tensor], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise WireError(f"a value nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, torch.Tensor):
        return {"T": _store(plain_tensor(value), tensors)}
    if isinstance(value, np.ndarray):
        return {"N": _store(_tensor_of_array(value), tensors)}
    if isinstance(value, np.generic) and not isinstance(value, (str, bytes)):
        return _encode_scalar(value.item())
    if isinstance(value, Handle):
        return {"h": value.name}
    if describe_figure.is_figure(value):
        return {"F": _encode_figure(value, tensors, depth)}
    if isinstance(value, list):
        return {"l": [_encode(item, tensors, depth + 1) for item in list.__iter__(value)]}
    if isinstance(value, tuple):
        return {"t": [_encode(item, tensors, depth + 1) for item in tuple.__iter__(value)]}
    if isinstance(value, Mapping):
        return {"d": [_encode_item(key, value[key], tensors, depth) for key in value]}
    return _encode_scalar(value)


def _encode_figure(value: Any, tensors: dict[str, torch.Tensor], depth: int) -> Any:
    try:
        described = describe_figure.describe(value)
    except figures.FigureError as error:
        raise WireError(str(error)) from None
    return _encode(described, tensors, depth + 1)


def _encode_item(key: Any, value: Any, tensors: dict[str, torch.Tensor], depth: int) -> list[Any]:
    if isinstance(key, bool) or not isinstance(key, (str, int, np.integer)):
        raise WireError(f"a dictionary with a key of type {type_name(key)}; use str or int")
    plain = int(key) if isinstance(key, np.integer) else key
    return [_encode_scalar(plain), _encode(value, tensors, depth + 1)]


def _encode_scalar(value: Any) -> Any:
    """Encode numbers and text by the base type's own methods: a subclass may override the others."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        number = int.__int__(value)
        if number.bit_length() > _MAX_INT_BITS:
            raise WireError("an int of more than 4096 bits")
        return {"i": format(number, "x")}
    if isinstance(value, float):
        return {"f": float.__float__(value).hex()}
    if isinstance(value, str):
        return {"s": str.encode(value, "utf-8", "replace").decode()}
    raise WireError(f"a value of type {type_name(value)}")


def type_name(value: Any) -> str:
    """Name a value's type as a reader knows it: `generator`, `matplotlib.figure.Figure`."""
    kind = type(value)
    module = str(getattr(kind, "__module__", ""))
    name = str(getattr(kind, "__qualname__", kind))
    return name if module in ("builtins", "__main__", "") else f"{module}.{name}"


def plain_tensor(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor's values as a plain, dense, contiguous, detached CPU tensor.

    Raises:
        WireError: If its dtype or kind cannot be carried.
    """
    with torch._C.DisableTorchFunctionSubclass():
        detached = torch.Tensor.detach(value)
        if detached.is_quantized or detached.device.type == "meta":
            raise WireError(f"a {'quantized' if detached.is_quantized else 'meta'} tensor")
        if detached.layout != torch.strided:
            detached = detached.to_dense()
        dense = detached.to("cpu").resolve_conj().resolve_neg().contiguous()
        dense = dense.as_subclass(torch.Tensor)
        if dense.dtype not in DTYPES:
            raise WireError(f"a tensor of dtype {dense.dtype}")
        if dense.dim() > MAX_DIMENSIONS:
            raise WireError(f"a tensor with {dense.dim()} dimensions")
        return dense


def _tensor_of_array(value: np.ndarray[Any, Any]) -> torch.Tensor:
    plain = np.array(value, copy=True, order="C", subok=False)
    try:
        return plain_tensor(torch.from_numpy(plain.astype(plain.dtype.newbyteorder("="))))
    except TypeError:
        raise WireError(f"a NumPy array of dtype {plain.dtype}") from None


def _store(tensor: torch.Tensor, tensors: dict[str, torch.Tensor]) -> str:
    if len(tensors) >= MAX_TENSORS:
        raise WireError(f"a value of more than {MAX_TENSORS} tensors")
    key = str(len(tensors))
    # Tensors that share memory are legal values, but safetensors wants each on its own.
    tensors[key] = tensor.clone()
    return key


def decode(tree: Any, tensors: Mapping[str, torch.Tensor], *, arrays: bool) -> Any:
    """Build the value again; each tensor stands in it once, or a few bytes could stand for any number of values.

    Args:
        tree: From `encode`, after a journey.
        tensors: From `unpack`.
        arrays: In the kernel NumPy arrays become arrays again and handles are read; in the grader arrays
            become tensors, and no handle can come.

    Raises:
        WireError: If the tree is not one that `encode` makes.
    """
    return _decode(tree, dict(tensors), arrays)


def _decode(tree: Any, tensors: dict[str, torch.Tensor], arrays: bool) -> Any:
    """Decode a value; `tensors` loses those that it takes."""
    if tree is None or tree is True or tree is False:
        return tree
    if not isinstance(tree, dict) or len(tree) != 1:
        raise WireError("a malformed value")
    tag, content = next(iter(tree.items()))
    if tag in ("l", "t", "d") and isinstance(content, list):
        if tag == "d":
            return {_decode_key(pair): _decode(pair[1], tensors, arrays) for pair in content}
        items = [_decode(item, tensors, arrays) for item in content]
        return items if tag == "l" else tuple(items)
    if tag == "F":
        return _decode_figure(content, tensors)
    if not isinstance(content, str):
        raise WireError("a malformed value")
    if tag in ("T", "N"):
        if content not in tensors:
            raise WireError("a tensor that was announced and not sent")
        tensor = tensors.pop(content)
        return tensor.numpy() if tag == "N" and arrays else tensor
    if tag == "h" and not arrays:
        raise WireError("a model or tokenizer")
    return _decode_scalar(tag, content)


def _decode_figure(content: Any, tensors: dict[str, torch.Tensor]) -> figures.FigureDescription:
    try:
        return figures.rebuild(_decode(content, tensors, arrays=False))
    except figures.FigureError as error:
        raise WireError(str(error)) from None


def _decode_scalar(tag: str, content: str) -> Any:
    try:
        if tag == "i":
            if len(content) > _MAX_INT_BITS // 4 + 2:
                raise WireError("an int of more than 4096 bits")
            return int(content, 16)
        if tag == "f":
            return float.fromhex(content)
    except (ValueError, OverflowError):
        raise WireError("a malformed number") from None
    if tag == "s":
        return content
    if tag == "h":
        return Handle(name=content)
    raise WireError("a malformed value")


def _decode_key(pair: Any) -> str | int:
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], dict):
        raise WireError("a malformed dictionary")
    key = _decode(pair[0], {}, arrays=False)
    if not isinstance(key, (str, int)):
        raise WireError("a malformed dictionary")
    return key


def pack(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> tuple[bytes, bytes]:
    """Serialise a header and its tensors.

    Raises:
        WireError: If the header grows too large.
    """
    head = json.dumps(header, ensure_ascii=True, allow_nan=False).encode()
    if len(head) > MAX_HEADER_BYTES:
        raise WireError(f"a value whose structure takes {len(head)} bytes, over {MAX_HEADER_BYTES}")
    return head, safetensors.torch.save(dict(tensors)) if tensors else b""


def unpack(head: bytes, blob: bytes) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Parse a frame that may be hostile.

    Raises:
        WireError: If it is not JSON, too deep, or the tensors' dtypes, shapes and bytes do not agree.
    """
    try:
        header = parsed(head)
    except (ValueError, RecursionError):
        raise WireError("a malformed header") from None
    # A dictionary takes three levels, and there is something around it all.
    if not isinstance(header, dict) or depth_of(header) > 3 * MAX_DEPTH + 8:
        raise WireError("a malformed header")
    if not blob:
        return header, {}
    if int.from_bytes(blob[:8], "little") > 128 * MAX_TENSORS:
        raise WireError(f"a value of more than {MAX_TENSORS} tensors")
    try:
        tensors = safetensors.torch.load(blob)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError, OverflowError):
        raise WireError("malformed tensors") from None
    for tensor in tensors.values():
        if tensor.dtype not in DTYPES or tensor.dim() > MAX_DIMENSIONS:
            raise WireError(f"a tensor of dtype {tensor.dtype} with {tensor.dim()} dimensions")
    return header, tensors


def send_frame(sock: socket.socket, head: bytes, blob: bytes, fds: list[int] | None = None) -> None:
    """Send one frame, with descriptors on its first bytes if there are any."""
    prefix = PREFIX.pack(len(head), len(blob))
    if fds:
        socket.send_fds(sock, [prefix], fds)
    else:
        sock.sendall(prefix)
    sock.sendall(head)
    sock.sendall(blob)


def check_lengths(head_bytes: int, blob_bytes: int, limit_bytes: float = math.inf) -> None:
    """Refuse a frame by its announced lengths, before anything of it is read.

    Raises:
        WireError: If the frame is over the limits.
    """
    if head_bytes > MAX_HEADER_BYTES or head_bytes + blob_bytes > limit_bytes:
        raise WireError(f"an answer of {head_bytes + blob_bytes} bytes")
