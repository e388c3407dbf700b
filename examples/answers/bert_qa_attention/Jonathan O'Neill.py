# Equally long steps along the path.

# %% like="Alma Lindholm"

# %% task="attention_attributions"
def attention_attributions(model, inputs, position):
    table = model.bert.embeddings.word_embeddings
    end = table(inputs["input_ids"].to(model.device)).detach()
    start = table(inputs["baseline_ids"].to(model.device)).detach()
    rest = {n: inputs[n].to(model.device) for n in ["token_type_ids", "position_ids", "attention_mask"]}
    total, last = 0, None
    for t in torch.linspace(0, 1, 51):
        x = (start + t * (end - start)).requires_grad_()
        out = model(inputs_embeds=x, output_attentions=True, **rest)
        score = (out.start_logits if position == "start" else out.end_logits).max()
        grad = torch.cat(torch.autograd.grad(score, out.attentions))
        weights = torch.cat(out.attentions).detach()
        if last is not None:
            total = total + (weights - last[0]) * last[1]
        last = weights, grad
    return total
