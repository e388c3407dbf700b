"""Test an assignment's checks: reference, template, known mistakes, generated programs."""
