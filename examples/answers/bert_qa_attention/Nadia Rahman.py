# The untouched notebook.
