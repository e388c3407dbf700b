# Hooks on the blocks, but no final norm.

# %% like="Amira Haddad"

# %% task="layer_probabilities"
def layer_probabilities(model, input_ids):
    states = []
    hooks = [b.register_forward_hook(lambda m, i, o: states.append(o)) for b in model.transformer.h]
    with torch.no_grad():
        model(input_ids.to(model.device))
        for h in hooks:
            h.remove()
        return torch.stack([model.lm_head(s)[0] for s in states]).softmax(-1)


# %% [markdown] question="question-norm"
# I forgot it at first and the last layer did not agree, so I think it is there for the sizes.
