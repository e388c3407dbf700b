"""Grade a class: run each submission through the pipeline, on several workers, and resume after a crash."""
