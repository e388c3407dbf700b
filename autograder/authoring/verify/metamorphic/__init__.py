"""Metamorphic testing: rewritten correct programs, which must keep full points."""
