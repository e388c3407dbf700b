# The upload broke off: the file ends in the middle.

# %% like="Anna Schäfer"

# %% file="truncated"
