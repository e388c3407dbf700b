"""Write an assignment: scaffold, notebook, calibration, verification."""
