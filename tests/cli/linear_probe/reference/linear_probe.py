# %% [markdown]
# # Linear probe
#
# What does a layer of a network know? A *linear probe* (Alain and Bengio 2016) is a linear model that reads a property
# off a layer's activations: the better it does, the more plainly the layer holds the property.

# %%
import matplotlib.pyplot as plt
import torch

# %% [markdown]
# ## The model
#
# A small MLP says whether the first two coordinates of a point have the same sign.

# %% tags=["active-ipynb"]
# from course.mlp import SmallMLP
#
# model = SmallMLP.from_pretrained("models/mlp")
# points = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
# labels = (points[:, 0] * points[:, 1] > 0).float()
# print(model)

# %% [markdown]
# ## 1. Activations of the hidden layers


# %% task="hidden_activations"
def hidden_activations(model, inputs):
    """Return what each hidden layer gives on, after its ReLU.

    Args:
        model: A SmallMLP.
        inputs: Float tensor, shape (example, input).

    Returns:
        Float tensor, shape (layer, example, unit).
    """
    ### BEGIN SOLUTION
    found = []
    for layer in model.hidden:
        inputs = torch.relu(layer(inputs))
        found.append(inputs)
    return torch.stack(found).detach()
    ### END SOLUTION


# %% check="hidden_activations" tags=["active-ipynb"]
# activations_ = torch.as_tensor(hidden_activations(model, points)).detach()
# assert activations_.shape == (2, 200, 16), "(layer, example, unit)"
# assert (activations_ >= 0).all(), "a ReLU gives nothing below 0"

# %% [markdown]
# ## 2. The probe
#
# $w = (X^\top X + \lambda I)^{-1} X^\top y$ with $\lambda = 0.1$, where the last column of $X$ is 1: its weight
# is the bias.


# %% task="fit_probe"
def fit_probe(features, labels):
    """Fit labels by ridge regression on features and a bias.

    Args:
        features: Float tensor, shape (example, unit).
        labels: Float tensor of 0 and 1, shape (example,).

    Returns:
        Float tensor, shape (unit + 1,); the bias is the last one.
    """
    ### BEGIN SOLUTION
    columns = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    gram = columns.T @ columns + 0.1 * torch.eye(columns.shape[1])
    return torch.linalg.solve(gram, columns.T @ labels)
    ### END SOLUTION


# %% check="fit_probe" tags=["active-ipynb"]
# weights_ = torch.as_tensor(fit_probe(activations_[-1], labels)).detach()
# assert weights_.shape == (17,), "one weight a unit, and the bias"

# %% [markdown]
# ## 3. How well it reads
#
# The probe says 1 where its output is above one half.


# %% task="probe_accuracy"
def probe_accuracy(weights, features, labels):
    """Return the share of examples that the probe gets right.

    Args:
        weights: Float tensor, shape (unit + 1,), from `fit_probe`.
        features: Float tensor, shape (example, unit).
        labels: Float tensor of 0 and 1, shape (example,).

    Returns:
        A float between 0 and 1.
    """
    ### BEGIN SOLUTION
    said = features @ weights[:-1] + weights[-1] > 0.5
    return float((said == (labels > 0.5)).double().mean())
    ### END SOLUTION


# %% check="probe_accuracy" tags=["active-ipynb"]
# accuracy_ = probe_accuracy(weights_, activations_[-1], labels)
# assert 0.5 < accuracy_ <= 1, "the last layer knows the answer"

# %% [markdown]
# ## See it
#
# Draw the accuracy of a probe for the inputs and for each layer.

# %% plot="plot-accuracy" tags=["active-ipynb"]
# ### BEGIN SOLUTION
# layers = [points, *activations_]
# plt.plot([probe_accuracy(fit_probe(layer, labels), layer, labels) for layer in layers], marker="o")
# plt.xticks(range(3), ["inputs", "layer 1", "layer 2"])
# plt.ylabel("accuracy")
# plt.show()
# ### END SOLUTION

# %% [markdown]
# ## A question
#
# A probe reads a property off a layer. Does the model use it?

# %% [markdown] question="question-use"
# ### BEGIN SOLUTION
# Not necessarily: the probe shows that the property can be read, not that later layers read it. An intervention would
# tell, such as removing the probe's direction.
# ### END SOLUTION
