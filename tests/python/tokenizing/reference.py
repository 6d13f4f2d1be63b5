"""What transformers makes of a text, and what TransformerLens does with it."""

import transformers


def opened(folder, **settings):
    """As AutoTokenizer opens it."""
    return transformers.AutoTokenizer.from_pretrained(folder, **settings)


def as_written(folder, **settings):
    """With the tokenizer of tokenizer.json as it stands."""
    return transformers.PreTrainedTokenizerFast.from_pretrained(folder, **settings)


def plain(tokenizer, text):
    """The text's own tokens."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def with_bos(open_folder, folder, text):
    """What `to_tokens` of TransformerLens 3 gives: it opens the folder once more, with `add_bos_token`."""
    tokenizer = open_folder(folder, add_bos_token=True)
    if not tokenizer.encode(""):
        text = tokenizer.bos_token + text
    return tokenizer(text)["input_ids"]


def by_itself(tokenizer, text):
    """The text as the tokenizer frames it, without what it puts behind."""
    return tokenizer(text)["input_ids"]
