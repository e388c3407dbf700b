# Handed in the notebook as it came.
