"""Grade notebooks whose answers are tensors.

This file stays empty of imports: a student's kernel imports the package too.
"""
