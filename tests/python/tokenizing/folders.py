"""Small model folders whose tokenizers are of every kind that decides tokens in another file or another way.

Each is made here: a vocabulary trained on three sentences, and the files of its kind beside it.
"""

import dataclasses
import json

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SENTENCES = [
    "the cat sat on the mat",
    "The dog's 12 bones and 345 sticks",
    "When Mary and John went to the store, John gave a drink to",
]
END = "<|endoftext|>"
SPLIT = r"\p{L}+| ?[^\s\p{L}\p{N}]+|\p{N}{1,3}|\s+(?!\S)|\s+"
SPLIT_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


GPT2_SIZES = {"n_layer": 1, "n_head": 1, "n_embd": 4, "n_positions": 128}
SIZES = {
    "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1, "hidden_size": 8, "intermediate_size": 8,
    "max_position_embeddings": 128,
}


@dataclasses.dataclass
class Folder:
    """A kind of folder."""

    name: str
    tokenizer: dict
    config: dict | None = None  # tokenizer_config.json
    tokens_map: dict | None = None  # special_tokens_map.json
    # transformers 5 drops parts of tokenizer.json, so that a warning is due.
    differs: bool = False
    # There is a BOS token.
    bos: bool = True
    # The same sentence as anybody else's, or one of the kind's own.
    texts: list = dataclasses.field(default_factory=list)
    model_type: str = "gpt2"

    def write(self, parent, vocabulary=512):
        """The folder on disk."""
        folder = parent / self.name
        folder.mkdir()
        files = {
            "config.json": {
                "model_type": self.model_type, "bos_token_id": 0, "eos_token_id": 0, "vocab_size": vocabulary,
                **(GPT2_SIZES if self.model_type == "gpt2" else SIZES),
            },
            "tokenizer.json": self.tokenizer,
            "tokenizer_config.json": self.config,
            "special_tokens_map.json": self.tokens_map,
        }
        for name, content in files.items():
            if content is not None:
                (folder / name).write_text(json.dumps(content, ensure_ascii=False))
        return folder


def byte_level(specials=(END,), prefix=False, cut=None, normalizer=None, **model):
    """A byte-level BPE, as JSON."""
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = cut or pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    return trained(tokenizer, specials, pre_tokenizers.ByteLevel.alphabet())


def pieces(specials, cut, normalizer=None):
    """A BPE over characters with `▁` for spaces and bytes for what is unknown, as JSON."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = cut
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return trained(tokenizer, [*specials, *(f"<0x{byte:02X}>" for byte in range(256))], [])


def trained(tokenizer, specials, alphabet):
    trainer = trainers.BpeTrainer(
        vocab_size=380, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES * 3, trainer)
    written = json.loads(tokenizer.to_str())
    # Bytes are parts of the vocabulary, but no text of theirs stands for them.
    written["added_tokens"] = [one for one in written["added_tokens"] if not one["content"].startswith("<0x")]
    return written


def with_template(written, *template):
    """The same with a post-processor that puts tokens around a text."""
    tokenizer = Tokenizer.from_str(json.dumps(written))
    specials = [(token, tokenizer.token_to_id(token)) for token in template if token != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(single=list(template), special_tokens=specials)
    return json.loads(tokenizer.to_str())


def cut_by(cut, written):
    """The same with another pre-tokenizer than that of its training."""
    tokenizer = Tokenizer.from_str(json.dumps(written))
    tokenizer.pre_tokenizer = cut
    return json.loads(tokenizer.to_str())


def without_added(written):
    return {**written, "added_tokens": []}


def described(content, **more):
    """A token as `added_tokens_decoder` describes it."""
    plain = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
    return {"content": content, **plain, **more}


def sequence(*cuts):
    return pre_tokenizers.Sequence(list(cuts))


def byte_cut(regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)


def folders():
    """One of each kind."""
    gpt2 = {"tokenizer_class": "GPT2Tokenizer", "bos_token": END, "eos_token": END, "unk_token": END}
    fast = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END}
    three = (END, "<s>", "<b>")
    llama3 = sequence(pre_tokenizers.Split(Regex(SPLIT), "isolated"), byte_cut())
    qwen = sequence(pre_tokenizers.Split(Regex(SPLIT_QWEN), "isolated"), byte_cut())
    cohere = sequence(pre_tokenizers.Digits(individual_digits=True), byte_cut(regex=True))
    gemma = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
    spaces = normalizers.Replace(" ", "▁")
    words = pre_tokenizers.Split(" ", "merged_with_previous")
    llama = ("<unk>", "<s>", "</s>")
    return [
        Folder("gpt2", byte_level(), gpt2),
        Folder("gpt2-fast", byte_level(), {**gpt2, "tokenizer_class": "GPT2TokenizerFast"}),
        Folder("gpt2-prefix-space", byte_level(), {**gpt2, "add_prefix_space": True}),
        Folder("gpt2-prefix-space-only-in-tokenizer-json", byte_level(prefix=True), gpt2),
        Folder("gpt2-without-config", byte_level()),
        Folder("gpt2-without-class", byte_level(), {"bos_token": END, "add_prefix_space": True}),
        Folder("gpt2-unknown-is-end-of-text", byte_level(unk_token=END), gpt2),
        Folder("gpt2-end-of-text-only-in-vocabulary", without_added(byte_level()), gpt2),
        Folder("gpt2-add-bos-token", byte_level(), {**gpt2, "add_bos_token": True}),
        Folder("gpt2-without-bos", byte_level(), {**gpt2, "bos_token": None}, bos=False),
        Folder("gpt2-normalizer", byte_level(normalizer=normalizers.Lowercase()), gpt2, differs=True),
        Folder("gpt2-cut-otherwise", cut_by(llama3, byte_level()), gpt2, differs=True),
        Folder("gpt2-ignores-merges", cut_by(llama3, byte_level(ignore_merges=True)), None, differs=True),
        Folder("added-bos", byte_level((END, "<|startoftext|>")), {**gpt2, "bos_token": "<|startoftext|>"}),
        Folder("bos-in-map", byte_level(three), {**gpt2, "bos_token": "<s>"}, {"bos_token": "<b>"}),
        Folder("bos-in-map-as-object", byte_level(three), gpt2, {"bos_token": {**described("<b>"), "lstrip": True}}),
        Folder(
            "map-that-does-not-count",
            byte_level(three),
            {
                **gpt2,
                "bos_token": "<s>",
                "added_tokens_decoder": {str(id): described(token) for id, token in enumerate(three)},
            },
            {"bos_token": "<b>"},
        ),
        Folder(
            "tokens-of-the-config",
            byte_level(),
            {
                **fast,
                "added_tokens_decoder": {"0": described(END), "400": described("<new>", lstrip=True)},
                "extra_special_tokens": ["sticks"],
                "image_token": "mat",
            },
            texts=["the mat <new>sticks"],
        ),
        Folder("generic", byte_level(prefix=True), fast),
        Folder("generic-prefix-space-ignored", byte_level(), {**fast, "add_prefix_space": True}),
        Folder("generic-bos-by-post-processor", with_template(byte_level(), END, "$A"), fast),
        Folder("generic-split-special-tokens", byte_level(), {**fast, "split_special_tokens": True}),
        Folder("llama3", with_template(byte_level(cut=llama3, ignore_merges=True), END, "$A"), fast),
        Folder(
            "llama3-named-llama",
            with_template(byte_level(three, cut=llama3), "<s>", "$A"),
            {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>"},
        ),
        Folder("qwen2", byte_level(cut=qwen, normalizer=normalizers.NFC()), {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None}, bos=False),
        Folder("qwen2-cut-otherwise", byte_level(cut=llama3), {"tokenizer_class": "Qwen2TokenizerFast"}, bos=False, differs=True),
        Folder("neox", byte_level((END, "<|padding|>"), normalizer=normalizers.NFC()), {"tokenizer_class": "GPTNeoXTokenizerFast"}),
        Folder("neox-without-nfc", byte_level((END, "<|padding|>")), {"tokenizer_class": "GPTNeoXTokenizer"}, differs=True, texts=["the cafe\u0301"]),
        Folder("gemma", pieces(gemma, words, spaces), {"tokenizer_class": "GemmaTokenizerFast"}),
        Folder(
            "cohere",
            with_template(byte_level(("<BOS_TOKEN>", "<UNK>"), cut=cohere, normalizer=normalizers.NFC()), "<BOS_TOKEN>", "$A"),
            {"tokenizer_class": "CohereTokenizerFast"},
        ),
        Folder(
            "llama",
            pieces(llama, pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
            {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True},
        ),
        *of_other_families(gemma, words, spaces, llama, qwen),
        Folder("words", word_level(), None, differs=True, bos=False, texts=["the cat sat", "the mat"]),
    ]


def of_other_families(gemma, words, spaces, llama, qwen):
    """Where the model's family decides which class of transformers opens the folder."""
    metaspace = pieces(llama, pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    named = {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>"}
    neox = {"tokenizer_class": "GPTNeoXTokenizer", "bos_token": END}
    accent = ["the cafe\u0301"]
    return [
        Folder("llama-without-class", metaspace, bos=False, model_type="llama"),
        Folder("smollm3-without-class", byte_level(), bos=False, model_type="smollm3"),
        Folder("mistral-named-llama", with_template(metaspace, "<s>", "$A"), named, model_type="mistral"),
        Folder("phi3-named-llama", with_template(metaspace, "<s>", "$A"), named, model_type="phi3"),
        Folder("neox-without-class", byte_level((END, "<|padding|>"), normalizer=normalizers.NFC()), model_type="gpt_neox"),
        Folder("stablelm-named-neox", byte_level(), neox, texts=accent, model_type="stablelm"),
        Folder("granite-named-gpt2", byte_level(normalizer=normalizers.Lowercase()), {**neox, "tokenizer_class": "GPT2Tokenizer"}, model_type="granite"),
        Folder("qwen2-misnamed", byte_level(cut=qwen, normalizer=normalizers.NFC()), {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None}, bos=False, model_type="qwen2"),
        Folder("gemma-without-class", pieces(gemma, words, spaces), model_type="gemma"),
    ]


def word_level():
    """Whole words, as the embedded model has them; no BOS token is named anywhere."""
    tokenizer = Tokenizer(models.WordLevel({"<x>": 0, "[UNK]": 1, "the": 2, "cat": 3, "sat": 4, "mat": 5}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return json.loads(tokenizer.to_str())
