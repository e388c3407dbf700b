"""Parse the JSON of a frame, which may be hostile."""

from __future__ import annotations

import json
from typing import Any


def parsed(head: bytes) -> Any:
    """Parse JSON; lone surrogates, which no file can be written with, become U+FFFD."""
    text = head.decode("utf-8")
    header = json.loads(text)
    if "\\ud" in text or "\\uD" in text:
        plain = json.dumps(header, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
        header = json.loads(plain.decode("utf-16-le", "replace"))
    return header


def depth_of(root: Any) -> int:
    """Measure nesting without recursion."""
    deepest, waiting = 0, [(root, 1)]
    while waiting:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend((child, depth + 1) for child in children)
    return deepest
