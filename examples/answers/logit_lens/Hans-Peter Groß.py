# The two distributions of the divergence are swapped.

# %% like="Björn Åkesson"

# %% task="divergence_from_final"
def divergence_from_final(probabilities):
    log_p = probabilities.clamp_min(1e-30).log()
    return (probabilities * (log_p - log_p[-1])).sum(-1)
