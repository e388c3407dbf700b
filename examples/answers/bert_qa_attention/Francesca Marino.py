# Sums the norms of the heads instead of taking the norm of the sum.

# %% like="Alma Lindholm"

# %% task="summed_norms"
def summed_norms(model, inputs):
    return weighted_norms(model, inputs).sum(dim=1)
