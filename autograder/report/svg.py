"""SVG pictures of students, reduced to shapes and text.

The page shows the result as an image (`<img src="data:image/svg+xml;...">`), not inline: in an image browsers run no
script, load nothing and take no clicks, and it cannot cover the page. What is reduced here would be safe there too; the
reduction bounds what drawing costs, and holds where somebody opens the picture by itself.
"""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from autograder.report.pictures import PLOT_LIMIT_PIXELS, picture_uri

SVG_LIMIT = 500_000
"""Characters of an SVG that are parsed."""

_MOST_DRAWN = 50_000
_DEEPEST = 60
_SVG = "{http://www.w3.org/2000/svg}"
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
# fmt: off
_TAGS = frozenset(
    [
        "circle", "clipPath", "defs", "desc", "ellipse", "g", "image", "line", "linearGradient", "path",
        "polygon", "polyline", "radialGradient", "rect", "stop", "svg", "symbol", "text", "title", "tspan", "use",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "clip-path", "clip-rule", "clipPathUnits", "cx", "cy", "d", "dx", "dy", "fill", "fill-opacity",
        "fill-rule", "font-family", "font-size", "font-style", "font-weight", "fx", "fy", "gradientTransform",
        "gradientUnits", "height", "id", "offset", "opacity", "points", "preserveAspectRatio", "r", "rotate", "rx",
        "ry", "spreadMethod", "stop-color", "stop-opacity", "stroke", "stroke-dasharray", "stroke-dashoffset",
        "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width", "style",
        "text-anchor", "dominant-baseline", "transform", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
    ]
)
# fmt: on
_LOCAL = re.compile(r"#([\w.:-]{1,200})")
_LOCAL_URL = re.compile(r"""url\(\s*['"]?#([\w.:-]{1,200})['"]?\s*\)""")
_SUSPICIOUS = re.compile(r"url\s*\(|[\\@<]|expression|javascript:|image-set", re.IGNORECASE)
_LENGTH = re.compile(r"\s*(\d{1,6}(?:\.\d{0,9})?)\s*(px|pt|pc|in|cm|mm)?\s*")
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}


def svg_uri(source: str) -> str | None:
    """Return a data: address of a reduced SVG; None if it is none, or costs too much to draw.

    Args:
        source: The student's. A document type may be there, as matplotlib writes it, but no entity.
    """
    if len(source) > SVG_LIMIT:
        return None
    try:
        root = fromstring(source.strip())
        size = _size(root)
        if root.tag != f"{_SVG}svg" or size is None:
            return None
        _reduce(root, 0)
        if _drawn(root) > _MOST_DRAWN:
            return None
    except (ElementTree.ParseError, DefusedXmlException, ValueError, RecursionError):
        return None
    for name, length in zip(("width", "height"), size, strict=True):
        root.set(name, f"{length:g}")
    ElementTree.register_namespace("", _SVG[1:-1])
    text = ElementTree.tostring(root, encoding="unicode")
    return f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode('ascii')}"


def _size(root: ElementTree.Element) -> tuple[float, float] | None:
    """Return width and height in pixels, of the view box where they are not stated; None if it is not drawable."""
    stated = [_LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height")]
    lengths = [float(match[1]) * _PIXELS[match[2] or ""] for match in stated if match]
    if len(lengths) < 2:
        lengths = [float(part) for part in root.get("viewBox", "").replace(",", " ").split()[2:4]]
    if len(lengths) < 2 or not all(1 <= length <= PLOT_LIMIT_PIXELS for length in lengths):
        return None
    return lengths[0], lengths[1]


def _reduce(element: ElementTree.Element, depth: int) -> None:
    """Drop what is not allowed; a nested <svg> or a foreign element goes with all that it holds."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    for name, value in list(element.attrib.items()):
        kept = _attribute(element, name, value)
        if kept is None:
            del element.attrib[name]
        else:
            element.set(name, kept)
    for child in list(element):
        if isinstance(child.tag, str) and child.tag.removeprefix(_SVG) in _TAGS - {"svg"}:
            _reduce(child, depth + 1)
        else:
            element.remove(child)


def _attribute(element: ElementTree.Element, name: str, value: str) -> str | None:
    if name in _HREFS:
        if element.tag == f"{_SVG}image":
            return picture_uri(value)
        return value if _LOCAL.fullmatch(value) else None
    if name not in _ATTRIBUTES:
        return None
    if name == "style":
        kept = [part for part in value.split(";") if _is_plain(part)]
        return ";".join(kept) or None
    return value if _is_plain(value) else None


def _is_plain(value: str) -> bool:
    return not _SUSPICIOUS.search(_LOCAL_URL.sub("", value))


def _drawn(root: ElementTree.Element) -> int:
    """Count the elements that drawing comes to: what is used is drawn again, and may use others.

    Raises:
        ValueError: If an element uses itself.
    """
    by_id = {element.get("id"): element for element in root.iter() if element.get("id")}
    costs: dict[int, int] = {}
    under_way: set[int] = set()

    def cost(element: ElementTree.Element) -> int:
        key = id(element)
        if key not in costs:
            if key in under_way:
                raise ValueError("it uses itself")
            under_way.add(key)
            used = [by_id[name] for name in _references(element) if name in by_id]
            costs[key] = 1 + sum(map(cost, [*element, *used]))
            under_way.discard(key)
        return costs[key]

    return cost(root)


def _references(element: ElementTree.Element) -> list[str]:
    names = [name for value in element.attrib.values() for name in _LOCAL_URL.findall(value)]
    if not element.tag.endswith("image"):
        names += [match[1] for key in _HREFS if (match := _LOCAL.fullmatch(element.get(key, "")))]
    return names
