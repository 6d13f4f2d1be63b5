#!/bin/sh
# One would guess: `add_prefix_space` of tokenizer_config.json decides whether a space is put before a text, or else
# tokenizer.json's own flag does.
# What happens depends on class and release. GPT2Tokenizer: the config decides, and where it is silent there is no space,
# whatever tokenizer.json says. PreTrainedTokenizerFast: in transformers 5 tokenizer.json decides and the config is
# ignored; in transformers 4 the config decides, and its silence again means no space.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import json, pathlib, sys
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

transformers.logging.set_verbosity_error()
print("transformers", transformers.__version__)
found = {}
for name in ["GPT2TokenizerFast", "PreTrainedTokenizerFast"]:
    for written in [False, True]:
        for config in [None, True]:
            folder = pathlib.Path(sys.argv[1]) / f"{name}-{written}-{config}-{transformers.__version__}"
            folder.mkdir()
            tokenizer = Tokenizer(models.BPE({"a": 0, "\u0120": 1, "<|endoftext|>": 2}, []))
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=written)
            tokenizer.save(str(folder / "tokenizer.json"))
            (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
            settings = {"tokenizer_class": name} | ({} if config is None else {"add_prefix_space": config})
            (folder / "tokenizer_config.json").write_text(json.dumps(settings))
            space = len(transformers.AutoTokenizer.from_pretrained(folder).encode("a")) == 2
            print(f"{name:24} tokenizer.json {written!s:6} config {config!s:5} -> space {space}")
            found[name, written, config] = space
gpt2 = all(found["GPT2TokenizerFast", written, config] == bool(config) for written in [False, True] for config in [None, True])
five = transformers.__version__.startswith("5")
generic = all(
    found["PreTrainedTokenizerFast", written, config] == (written if five else bool(config))
    for written in [False, True]
    for config in [None, True]
)
sys.exit(0 if gpt2 and generic else 1)
PYTHON
for release in 5.24.0 4.57.6; do
    python3 -m venv "$folder/$release"
    "$folder/$release/bin/pip" install --quiet "transformers==$release"
    "$folder/$release/bin/python" "$folder/show.py" "$folder"
done
