"""Compare tensors within calibrated tolerances."""
