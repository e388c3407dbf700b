"""Run a student's notebook and functions in a sandboxed kernel forked from a warm process.

This file stays empty of imports: the kernel imports the package too.
"""
