#!/usr/bin/env bash
# A GPT-2 whose config ties unembedding and embedding, with an lm_head.weight in its file all the same. One would guess that
# it is ignored, as transformers 4 did, and that the type it is stored as does not matter then. With transformers 5.24.0:
# - where it differs from the embedding, it is the unembedding;
# - where it holds the same numbers in float16, beside a model in float32, the whole model is loaded in float16, because the
#   first tensor by name decides: all other weights are rounded, without a word.
# Installs torch with its libraries, 5 GB.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 safetensors==0.8.0 torch==2.11.0 transformers==5.24.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json, os
import numpy as np
import torch, transformers
from safetensors.numpy import save_file

print("transformers", transformers.__version__, "torch", torch.__version__)
config = transformers.GPT2Config(vocab_size=50, n_positions=8, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0)
torch.manual_seed(0)
model = transformers.GPT2LMHeadModel(config)
weights = {name: value.detach().numpy() for name, value in model.state_dict().items() if name != "lm_head.weight"}
# Numbers that float16 holds, so that both copies are equal; other weights need float32.
embedding = weights["transformer.wte.weight"] = weights["transformer.wte.weight"].astype(np.float16).astype(np.float32)

def loaded(head):
    os.makedirs("model", exist_ok=True)
    json.dump({"model_type": "gpt2", "vocab_size": 50, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 1,
               "bos_token_id": 0, "eos_token_id": 0}, open("model/config.json", "w"))
    save_file({**weights, "lm_head.weight": head}, "model/model.safetensors", metadata={"format": "pt"})
    return transformers.AutoModelForCausalLM.from_pretrained("model")

other = np.ascontiguousarray(embedding[::-1])
found = loaded(other)
is_used = bool((found.lm_head.weight.detach().numpy() == other).all())
print("a stored head that differs is the unembedding:", is_used)
found = loaded(embedding.astype(np.float16))
positions = found.transformer.wpe.weight.detach()
is_rounded = positions.dtype == torch.float16 and bool((positions.float().numpy() != weights["transformer.wpe.weight"]).any())
print("an equal one in float16: the model is", positions.dtype, "and other weights are rounded:", is_rounded)
if not (is_used and is_rounded):
    raise SystemExit("changed")
PYTHON
