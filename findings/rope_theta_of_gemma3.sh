#!/bin/sh
# One would guess: transformers 5 reads `rope_parameters = {"rope_type": .., "rope_theta": ..}`, the form that it writes for
# nearly every family, for all layers of a Gemma 3; or complains.
# What happens: a Gemma 3 has a rotation for each kind of layer, and keys that stand beside these kinds are kept in the config and
# used for nothing. Both kinds take the class' own bases, 1e6 and 1e4, without a warning; the same number under the older key
# `rope_theta` becomes the base of the layers without a window.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import json, logging, pathlib, sys
import transformers

heard = []
handler = logging.Handler()
handler.emit = lambda record: heard.append(record.getMessage())
logging.getLogger("transformers").addHandler(handler)
print("transformers", transformers.__version__)
found = {}
for name, keys in {
    "flat": {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    "by kind": {"rope_parameters": {
        kind: {"rope_type": "default", "rope_theta": 500000.0} for kind in ["full_attention", "sliding_attention"]
    }},
    "older key": {"rope_theta": 500000.0},
}.items():
    folder = pathlib.Path(sys.argv[1]) / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3_text", "num_hidden_layers": 6, **keys}))
    config = transformers.AutoConfig.from_pretrained(folder)
    found[name] = [config.rope_parameters[kind]["rope_theta"] for kind in ["full_attention", "sliding_attention"]]
    print(f"{name:10} -> full {found[name][0]:9.0f}  sliding {found[name][1]:9.0f}")
complaints = [line for line in heard if "rope" in line]
print("warnings about it:", complaints or "none")
wanted = {"flat": [1e6, 1e4], "by kind": [5e5, 5e5], "older key": [5e5, 1e4]}
sys.exit(0 if found == wanted and not complaints else 1)
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers==5.24.0"
"$folder/venv/bin/python" "$folder/show.py" "$folder"
