"""Stand-ins for what raises in `torch.cuda`, `torch.mps`, `torch.xpu` and `torch.accelerator` where there is no GPU."""

from __future__ import annotations

import contextlib
import functools
import importlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import torch

MODULES = {
    "cuda": (
        "backends.cuda",
        "cuda",
        "cuda.graphs",
        "cuda.memory",
        "cuda.nvtx",
        "cuda.profiler",
        "cuda.random",
        "cuda.streams",
    ),
    "xpu": ("xpu", "xpu.graphs", "xpu.memory", "xpu.random", "xpu.streams"),
    "mps": ("mps", "mps.event", "mps.profiler", "backends.mps"),
    "accelerator": ("accelerator", "accelerator.memory"),
}
"""Modules below torch, by the kind of device; some exist only in some versions."""

_MEMORY_BYTES = 16 * 2**30  # any: notebooks print it, divide by it, choose a batch size from it

_NOTHING = (
    *("caching_allocator_delete", "init", "ipc_collect", "mark", "range_end", "range_pop", "range_push"),
    *("reset_accumulated_host_memory_stats", "reset_accumulated_memory_stats", "reset_max_memory_allocated"),
    *("reset_max_memory_cached", "reset_peak_host_memory_stats", "reset_peak_memory_stats", "set_device"),
    *("set_device_idx", "set_device_index", "set_per_process_memory_fraction", "set_rng_state", "set_stream"),
    *("set_sync_debug_mode", "start", "stop", "synchronize"),
)
_ZERO = (
    *("blas_workspace_size", "cublas_workspace_size", "cublaslt_workspace_size"),
    *("caching_allocator_alloc", "clock_rate", "current_allocated_memory", "current_blas_handle"),
    *("current_device", "current_device_idx", "current_device_index", "current_solver_handle"),
    *("device_memory_used", "driver_allocated_memory", "get_sync_debug_mode", "memory_usage", "power_draw"),
    *("range_start", "temperature", "utilization"),
)
_QUESTIONS = (
    *("can_device_access_peer", "is_capturing_metal", "is_current_stream_capturing"),
    *("is_macos13_or_newer", "is_macos_or_newer", "is_metal_capture_enabled"),
)


class _Event:
    """An event: all work is done when it is recorded."""

    device = torch.device("cpu")
    cuda_event = sycl_event = event_id = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._recorded_s = time.perf_counter()

    def record(self, stream: Any = None) -> None:
        self._recorded_s = time.perf_counter()

    def elapsed_time(self, end_event: _Event) -> float:
        """Return the milliseconds until another event."""
        return (end_event._recorded_s - self._recorded_s) * 1000

    def query(self) -> bool:
        return True

    def wait(self, stream: Any = None) -> None:
        """Wait for nothing."""

    def synchronize(self) -> None:
        """Wait for nothing."""


class _Stream:
    """A stream: what is queued has already run."""

    device = torch.device("cpu")
    cuda_stream = sycl_queue = native_handle = stream_id = device_index = device_type = priority = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def query(self) -> bool:
        return True

    def is_capturing(self) -> bool:
        return False

    def record_event(self, event: Any = None) -> Any:
        event = _Event() if event is None else event
        event.record()
        return event

    def synchronize(self) -> None:
        """Wait for nothing."""

    def wait_event(self, event: Any) -> None:
        """Wait for nothing."""

    def wait_stream(self, stream: Any) -> None:
        """Wait for nothing."""


class _Properties:
    """Of a device: a name, a memory size, and zero for every other number."""

    name = "CPU"
    total_memory = _MEMORY_BYTES
    multi_processor_count = max_compute_units = 1

    def __getattr__(self, name: str) -> int:
        if name.startswith("__"):
            raise AttributeError(name)
        return 0

    def __repr__(self) -> str:
        return (
            f"DeviceProperties(name={self.name!r}, major=0, minor=0, total_memory={_MEMORY_BYTES // 2**20}MB)"
        )


class _Block:
    """A context manager that changes nothing, such as `torch.cuda.device(0)`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.idx = 0
        self.stream = args[0] if args else None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


class _MemoryPool:
    """A pool of memory that serves nothing."""

    id = (0, 0)
    allocator = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def use_count(self) -> int:
        return 1

    def snapshot(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []


@contextlib.contextmanager
def _unchanged(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Stand for a decorator or a context manager that changes nothing."""
    yield


class _TensorType:
    """Stands for a type such as `torch.cuda.FloatTensor`, which is called and asked for by isinstance.

    Attributes:
        name_of_gpu_tensor: What `Tensor.type` and `torch.set_default_tensor_type` replace by the CPU's.
    """

    def __init__(self, name: str, on_cpu: Any, on_ask: Callable[[], None]) -> None:
        self.name_of_gpu_tensor = name
        self._on_cpu = on_cpu
        self._on_ask = on_ask

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._on_ask()
        return self._on_cpu(*args, **kwargs)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, self._on_cpu)

    def __repr__(self) -> str:
        return f"<class '{self.name_of_gpu_tensor}'>"


_RESULTS: Mapping[str, Any] = {
    **dict.fromkeys(_NOTHING, None),
    **dict.fromkeys(_ZERO, 0),
    **dict.fromkeys(("get_device_name", "get_name"), "CPU"),
    **dict.fromkeys(("get_memory_info", "mem_get_info"), (_MEMORY_BYTES, _MEMORY_BYTES)),
    "get_allocator_backend": "native",
    "get_core_count": 1,
    "get_device_capability": (0, 0),
    "get_device_properties": _Properties(),
    "get_per_process_memory_fraction": 1.0,
    "graph_pool_handle": (0, 0),
    "memory_summary": "No GPU memory is in use.",
    "recommended_max_memory": _MEMORY_BYTES,
}
"""What functions return."""

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("current_stream", "default_stream", "get_stream_from_external"), _Stream),
    **dict.fromkeys(
        ("caching_allocator_disabled", "metal_capture", "profile", "range", "use_mem_pool"), _unchanged
    ),
    "get_rng_state": lambda *args, **kwargs: torch.get_rng_state(),
    "initial_seed": torch.initial_seed,
    "make_graphed_callables": lambda callables, *args, **kwargs: callables,
    "memory_snapshot": lambda *args, **kwargs: [],
    "memory_stats": lambda *args, **kwargs: defaultdict(int),
}
_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("device", "device_index", "device_of", "stream", "StreamContext"), _Block),
    **dict.fromkeys(("ExternalStream", "Stream"), _Stream),
    "Event": _Event,
    "MemPool": _MemoryPool,
}
_OF_KIND: Mapping[str, Mapping[str, Any]] = {
    "cuda": {},
    "xpu": {"get_device_capability": {}},
    "mps": {"empty_cache": None, "seed": None},
    "accelerator": {
        **dict.fromkeys(("empty_cache", "empty_host_cache")),
        **dict.fromkeys(
            ("max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved"), 0
        ),
        "get_device_capability": {"supported_dtypes": {torch.float32}},
    },
}
"""What functions of one kind return that differ, or that work without a GPU elsewhere."""


def install(on_ask: Callable[[], None]) -> None:
    """Patch torch in this process for good."""
    for kind, names in MODULES.items():
        for name in names:
            with contextlib.suppress(ImportError):
                _patch(importlib.import_module(f"torch.{name}"), {**_RESULTS, **_OF_KIND[kind]}, on_ask)
    for module, on_cpu in ((torch.cuda, torch), (torch.cuda.sparse, torch.sparse)):
        for name in dir(module):
            if name.endswith(("Tensor", "Storage")) and hasattr(on_cpu, name):
                setattr(module, name, _TensorType(f"{module.__name__}.{name}", getattr(on_cpu, name), on_ask))


def _patch(module: ModuleType, results: Mapping[str, Any], on_ask: Callable[[], None]) -> None:
    for name, native in list(vars(module).items()):
        if name in results:
            setattr(
                module, name, _function(native, lambda *args, result=results[name], **kwargs: result, on_ask)
            )
        elif name in _QUESTIONS:
            # transformers asks them before each forward pass.
            setattr(module, name, _function(native, lambda *args, **kwargs: False, lambda: None))
        elif name in _FUNCTIONS:
            setattr(module, name, _function(native, _FUNCTIONS[name], on_ask))
        elif name in _TYPES:
            setattr(module, name, _type(name, _TYPES[name], on_ask))


def _function(native: Any, stand_in: Callable[..., Any], on_ask: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(native, updated=())
    def asking(*args: Any, **kwargs: Any) -> Any:
        on_ask()
        return stand_in(*args, **kwargs)

    return asking


def _type(name: str, stand_in: type, on_ask: Callable[[], None]) -> type:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        on_ask()
        stand_in.__init__(self, *args, **kwargs)  # type: ignore[misc]

    return type(name, (stand_in,), {"__init__": __init__})
