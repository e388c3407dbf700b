# Everything right, with Captum throughout; the library's cached outputs are switched off.

# %% task="ablate_tokens"
from captum.attr import FeatureAblation, LLMAttribution, TextTokenInput


def ablate_tokens(model, tokenizer, prompt, target):
    skip = [tokenizer.bos_token_id] if tokenizer(prompt)["input_ids"][0] == tokenizer.bos_token_id else None
    inp = TextTokenInput(prompt, tokenizer, skip_tokens=skip)
    llm_attr = LLMAttribution(FeatureAblation(model), tokenizer)
    return llm_attr.attribute(inp, target=target, use_cached_outputs=False).token_attr


# %% task="ablate_template"
from captum.attr import TextTemplateInput


def ablate_template(model, tokenizer, template, values, baselines, target):
    inp = TextTemplateInput(template, values=values, baselines=baselines)
    llm_attr = LLMAttribution(FeatureAblation(model), tokenizer)
    return llm_attr.attribute(inp, target=target, use_cached_outputs=False).seq_attr


# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    inp = TextTemplateInput(template, values=values, baselines=baselines, mask=mask)
    llm_attr = LLMAttribution(FeatureAblation(model), tokenizer)
    return llm_attr.attribute(inp, target=target, use_cached_outputs=False).seq_attr


# %% task="shapley_groups"
from captum.attr import ShapleyValues


def shapley_groups(model, tokenizer, template, values, baselines, mask, target):
    inp = TextTemplateInput(template, values=values, baselines=baselines, mask=mask)
    llm_attr = LLMAttribution(ShapleyValues(model), tokenizer)
    # one pass for the whole target: much faster than token by token
    return llm_attr.attribute(inp, target=target, forward_in_tokens=False).seq_attr


# %% task="shapley_sampled"
from captum.attr import ShapleyValueSampling


def shapley_sampled(model, tokenizer, template, values, baselines, mask, target, n_samples, seed):
    torch.manual_seed(seed)
    inp = TextTemplateInput(template, values=values, baselines=baselines, mask=mask)
    llm_attr = LLMAttribution(ShapleyValueSampling(model), tokenizer)
    return llm_attr.attribute(inp, target=target, forward_in_tokens=False, n_samples=n_samples).seq_attr


# %% task="attribute_examples"
def attribute_examples(model, tokenizer, examples, review, target):
    def template(*lines):
        return few_shot_prompt([line for line in lines if line], review)

    # the default baseline is the empty text
    inp = TextTemplateInput(template, values=list(examples))
    llm_attr = LLMAttribution(ShapleyValues(model), tokenizer)
    return llm_attr.attribute(inp, target=target, forward_in_tokens=False).seq_attr


# %% task="integrated_gradients"
from captum.attr import LayerIntegratedGradients, LLMGradientAttribution


def integrated_gradients(model, tokenizer, prompt, target):
    skip = [tokenizer.bos_token_id] if tokenizer(prompt)["input_ids"][0] == tokenizer.bos_token_id else None
    inp = TextTokenInput(prompt, tokenizer, skip_tokens=skip)
    lig = LayerIntegratedGradients(model, model.get_input_embeddings())
    return LLMGradientAttribution(lig, tokenizer).attribute(inp, target=target).seq_attr


# %% plot="plot-attributions"
fig, ax = plt.subplots(figsize=(9, 4))
im = ax.imshow(effects_of_tokens_, cmap="coolwarm", vmin=-2, vmax=2, aspect="auto")
ax.set_xticks(range(len(prompt_tokens_)), prompt_tokens_, rotation=60)
ax.set_yticks(range(len(target_tokens_)), target_tokens_)
fig.colorbar(im)
plt.show()

# %% [markdown] question="question-groups"
# Replaced alone, city and country have small effects, since each of the two is enough to guess the landscape. As a group
# they have a large one. Shapley values lie between and add up to the whole difference, which neither ablation does. With
# a baseline city that lies at the sea as well the effect would vanish.

# %% [markdown] question="question-examples"
# The examples whose labels use the same words as the target help, the others compete with them. When I changed an example's
# words its sign changed; when I changed its opinion only, less happened.
