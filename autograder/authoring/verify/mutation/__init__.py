"""Mutation testing: generated wrong programs, which must lose points."""
