# Two mistakes: ranks begin with 1, and the divergence is in bits.

# %% like="Camila Núñez"

# %% task="target_rank"
def target_rank(probabilities, target_id):
    p = np.asarray(probabilities)[:, -1]
    return 1 + np.count_nonzero(p > p[:, [target_id]], axis=1)


# %% task="divergence_from_final"
def divergence_from_final(probabilities):
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = p[-1] * np.log2(p[-1] / p)
    return np.nan_to_num(terms, nan=0.0, posinf=0.0).sum(-1)
