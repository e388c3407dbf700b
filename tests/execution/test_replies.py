"""Replies of a kernel are claims: whatever they hold, they cost the grader neither time nor memory."""

import time

import pytest

from autograder.errors import MissingFunctionError
from autograder.execution.replies import raise_reply


def missing(known, function="centre"):
    with pytest.raises(MissingFunctionError) as caught:
        raise_reply(function, {"status": "missing", "found": "NoneType", "known": known})
    return str(caught.value)


def test_near_names_are_suggested():
    assert missing(["center", "spread"]) == "The notebook defines no function centre(). Did you mean center?"


def test_a_flood_of_names_costs_no_time():
    began = time.process_time()
    said = missing(
        [f"centre_{number:06}_of_all_rows" for number in range(200_000)], "centre_of_all_rows_of_x"
    )
    assert time.process_time() - began < 2
    assert len(said) < 200


def test_a_name_of_excessive_length_is_ignored():
    assert missing(["centre" * 100_000, 5, None]) == "The notebook defines no function centre()."
