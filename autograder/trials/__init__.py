"""Programs that nobody wrote by hand, tried on an assignment's checks: right ones must pass, wrong ones must not."""
