# merge_subtokens never ends where a sentence has an unknown word: the counter stands still.

# %% like="Jürgen Weiß"

# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    words = []
    i = 0
    while True:
        if i == len(tokens):
            break
        if tokens[i] == "[UNK]":
            continue
        if tokens[i].startswith("##"):
            word, score = words[-1] if words else ("[", 0)
            if word[0] == "[":
                words.append((tokens[i][2:], scores[i]))
            else:
                words[-1] = (word + tokens[i][2:], score + scores[i])
        else:
            words.append((tokens[i], scores[i]))
        i += 1
    return words


# %% plot="plot-attributions"
n = int(example["attention_mask"][0].sum())
plt.figure(figsize=(8, 3))
plt.stem(attributions_[0, :n].detach())
plt.xticks(range(n), tokenizer.convert_ids_to_tokens(example["input_ids"][0])[:n], rotation=45)
plt.title(INTENTS[int(predictions_[0].argmax())])
plt.ylabel("Attribution")
plt.show()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Länge der Vektoren
    with torch.no_grad():
        return model.embedding_model.embeddings(batch["input_ids"].to(model.device)).norm(dim=-1)


# %% [markdown] question="question-words"
# „Wecker“ und „Viertel“, weil sie in den anderen Sätzen nicht vorkommen.

# %% [markdown] question="question-baseline"
# Die Attribution von [CLS] und [SEP] ist 0.
