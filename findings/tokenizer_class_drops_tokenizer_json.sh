#!/bin/sh
# One would guess: a folder with a tokenizer.json gives the tokens of that file, whoever opens it.
# What happens: without a tokenizer_config.json transformers 5 takes the class of the model's family (here GPT2Tokenizer).
# That takes vocabulary and merges of tokenizer.json and puts its own normalizer, pre-tokenizer and model in place of the
# rest, without a word. `"tokenizer_class": "PreTrainedTokenizerFast"` in tokenizer_config.json keeps the file as it stands.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.24.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json, pathlib, sys
import transformers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

transformers.logging.set_verbosity_error()
vocabulary = ["<unk>", "The", " cat", " sat", " (", "C", "T", "h", "e", "a", "t", "s", "(", "\u0120"]
tokenizer = Tokenizer(models.WordLevel({word: id for id, word in enumerate(vocabulary)}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?[A-Z][a-z]+| [a-z]+| \(|[A-Z]"), "isolated")
folder = pathlib.Path("model")
folder.mkdir()
tokenizer.save(str(folder / "tokenizer.json"))
(folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
text = "The cat sat (C"
written = tokenizer.encode(text).tokens
opened = transformers.AutoTokenizer.from_pretrained(folder)
theirs = opened.tokenize(text)
(folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
named = transformers.AutoTokenizer.from_pretrained(folder).tokenize(text)
print("transformers", transformers.__version__)
print("tokenizer.json:                    ", written)
print(f"{type(opened).__name__}, by default:      ", theirs)
print("named PreTrainedTokenizerFast:     ", named)
sys.exit(0 if theirs != written and named == written else 1)
PYTHON
