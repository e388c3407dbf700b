"""Answers that a hostile kernel can send, and more: of every dtype, shape, depth and size."""

import random

import torch
from hypothesis import strategies as st

from autograder.checks.outcomes import outcome_of
from autograder.execution.wire import codec, figures


def constructible():
    """Return the dtypes that plain tensors can have here."""
    found = []
    for dtype in {each for each in vars(torch).values() if isinstance(each, torch.dtype)}:
        try:
            torch.zeros(1).to(dtype)
        except (RuntimeError, NotImplementedError):
            continue
        found.append(dtype)
    return sorted(found, key=str)


DTYPES = constructible()
"""All that torch can make, far more than the wire carries."""

LARGE = 2**19
"""Values of a large tensor: 4 MB in float64."""

special = st.sampled_from(
    [0.0, -0.0, 1.0, 1e-320, 1e300, -1e308, 2.0**63, float("nan"), float("inf"), -float("inf")]
)
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**4095), 2**4095),
    st.floats(),
    special,
)
texts = st.one_of(
    st.text(st.characters(), max_size=12),  # lone surrogates among them
    st.sampled_from(["", "number", "tensor", "\ud800", "a\x00b", "[1, 2]", "\u202e", "##", "'" * 40]),
    st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=3), st.integers(0, 2000)),
)
shapes = st.one_of(
    st.lists(st.integers(0, 4), max_size=5).map(tuple),
    st.sampled_from([(), (0,), (1,), (2, 3), (3, 0, 2), (1,) * 16, (LARGE,), (2, LARGE // 2), (LARGE, 0)]),
)


@st.composite
def tensors(draw, shape=shapes):
    """Return a tensor of any dtype, its values a few drawn ones in turn."""
    size = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    values = torch.tensor(draw(st.lists(st.one_of(special, st.floats()), min_size=1, max_size=6)))
    count = int(torch.Size(size).numel())
    filled = values.double().repeat(count // len(values) + 1)[:count]
    return filled.reshape(size).to(draw(st.sampled_from(DTYPES)))


keys = st.one_of(st.integers(-(2**64), 2**64), st.text(st.characters(), max_size=4), st.sampled_from("ab"))
described = st.builds(figures.FigureDescription, axes=st.just(()), png=st.binary(max_size=30))
atoms = st.one_of(st.none(), st.booleans(), numbers, texts, tensors(), described)
nests = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.builds(lambda item, times: [item] * times, inner, st.integers(0, 30)),
    ),
    max_leaves=12,
)


def wrapped(value, depth, kinds):
    """Put a value as deep as the wire lets it be."""
    for level in range(depth):
        kind = kinds[level % len(kinds)]
        value = {"a": value} if kind == "d" else (value,) if kind == "t" else [value]
    return value


deep = st.builds(wrapped, atoms, st.integers(0, codec.MAX_DEPTH), st.text("dtl", min_size=1, max_size=3))
answers = st.one_of(nests, deep)
"""Anything."""


def spoilt(value, rng: random.Random, odd):
    """Return a right answer with something odd in it, somewhere.

    Args:
        value: The right answer.
        rng: Chooses what and where.
        odd: Values that may stand in its place.
    """
    if rng.random() < 0.2:
        return rng.choice(odd)
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        return {**value, key: spoilt(value[key], rng, odd)}
    if isinstance(value, (list, tuple)) and value:
        place = rng.randrange(len(value))
        items = [*value[:place], spoilt(value[place], rng, odd), *value[place + 1 :]]
        return type(value)(items) if type(value) in (list, tuple) else tuple(items)
    return spoilt_tensor(value, rng, odd) if isinstance(value, torch.Tensor) else rng.choice(odd)


def spoilt_tensor(value, rng, odd):
    """Return a tensor of another form, or with another value in it."""
    number = rng.choice([float("nan"), float("inf"), -0.0, 1e-320, 1e38, -1.0, 0.0])
    other = value.detach().clone(memory_format=torch.contiguous_format)
    if other.numel():
        other.view(-1)[rng.randrange(other.numel())] = number if value.is_floating_point() else -7
    return rng.choice(
        [
            lambda: other,
            lambda: value.to(rng.choice(DTYPES)),
            lambda: value.double() * number,
            lambda: value.unsqueeze(rng.randrange(value.dim() + 1)),
            lambda: value.flatten(),
            lambda: value[:0] if value.dim() else value,
            lambda: value.transpose(0, -1) if value.dim() > 1 else value,
            lambda: value.tolist() if value.numel() < 10_000 else value,
            lambda: [value],
            lambda: torch.zeros_like(value),
        ]
    )()


def near(right):
    """Return a strategy of answers that look like a right one but for one thing."""
    return st.builds(
        lambda seed, odd: spoilt(right, random.Random(seed), odd),
        st.integers(0, 2**32),
        st.lists(answers, min_size=1, max_size=3),
    )


def fault_of(attempt, path):
    """Run something that looks at an answer; return why its end would be a fault of ours, else empty.

    Args:
        attempt: Is called.
        path: The file whose assertions are about answers.
    """
    try:
        attempt()
    except Exception as error:
        found = outcome_of(error, awarded=None, checks_path=path)
        return f"{found.fault}: {error!r}" if found.fault else ""
    return ""
