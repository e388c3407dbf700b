"""Find what students handed in."""

from autograder.course.submissions.discovery import discover

__all__ = ["discover"]
