"""Find what students handed in."""

from autograder.submissions.discovery import discover

__all__ = ["discover"]
