# %% [markdown]
# # Standardise a table
#
# Columns of different units are compared after they are centred and scaled.

# %%
import torch

# %% [markdown]
# ## Centre the columns


# %% task="centre"
def centre(values):
    """Take each column's mean away.

    Args:
        values: Float tensor (row, column).

    Returns:
        Float tensor (row, column).
    """
    ### BEGIN SOLUTION
    return values - values.mean(dim=0)
    ### END SOLUTION


# %% check="centre" tags=["active-ipynb"]
# assert centre(torch.tensor([[1.0], [3.0]])).tolist() == [[-1.0], [1.0]]


# %% task="standardise"
def standardise(values, correction=1):
    """Centre each column and divide by its standard deviation.

    Args:
        values: Float tensor (row, column).
        correction: Degrees of freedom taken from the number of rows.

    Returns:
        Float tensor (row, column).
    """
    ### BEGIN SOLUTION
    return centre(values) / values.std(dim=0, correction=correction)
    ### END SOLUTION


# %% check="standardise" tags=["active-ipynb"]
# assert standardise(torch.randn(4, 2)).shape == (4, 2)

# %% plot="plot-table" tags=["active-ipynb"]
# ### BEGIN SOLUTION
# import matplotlib.pyplot as plt
#
# plt.imshow(standardise(torch.randn(4, 2)))
# plt.show()
# ### END SOLUTION

# %% [markdown] question="question-why"
# Why divide by the standard deviation?
#
# YOUR ANSWER HERE
