"""Grades and feedback back to where the submissions came from, by files: worksheets, gradebooks, zips."""
