"""Small random GPT-2 models, and specs over them."""

import json

import numpy as np
from safetensors.numpy import save_file

VOCABULARY, WIDTH, POSITIONS = 300, 16, 12
CONFIG = {
    "model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": WIDTH, "vocab_size": VOCABULARY, "n_positions": POSITIONS,
    "bos_token_id": 0, "eos_token_id": 0,
}
TOKENS = {
    "clean": [[1, 2, 3, 4], [5, 6, 7, 8]],
    "corrupted": [[[1, 2, 9, 4], [5, 6, 3, 8]]],
    "answers": [[20], [21]],
}
SPEC = """schema = 1
name = "model"
[model]
path = "model"
[dataset]
{dataset}
[[metric]]
kind = "logprob"
[[iteration]]
read = 3
{iteration}
[[grid]]
component = "resid_pre"
axes = ["layer", "pos"]
"""


def tensors(seed=0):
    """Everything but the unembedding, by Hugging Face's names."""
    draw = np.random.default_rng(seed)

    def normal(*shape, mean=0.0, deviation=0.3):
        return (mean + deviation * draw.normal(size=shape)).astype(np.float32)

    found = {"wte.weight": normal(VOCABULARY, WIDTH), "wpe.weight": normal(POSITIONS, WIDTH)}
    for layer in range(CONFIG["n_layer"]):
        for name, inputs, outputs in [
            ("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH), ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ]:
            found[f"h.{layer}.{name}.weight"] = normal(inputs, outputs)
            found[f"h.{layer}.{name}.bias"] = normal(outputs)
        for name in ["ln_1", "ln_2"]:
            found[f"h.{layer}.{name}.weight"] = normal(WIDTH, mean=1.0)
            found[f"h.{layer}.{name}.bias"] = normal(WIDTH)
    found["ln_f.weight"], found["ln_f.bias"] = normal(WIDTH, mean=1.0), normal(WIDTH)
    return {f"transformer.{name}": tensor for name, tensor in found.items()}


def other_head(seed=1):
    return np.random.default_rng(seed).normal(size=(VOCABULARY, WIDTH)).astype(np.float32)


def write(folder, weights=None, config=None):
    """A model's folder; without weights where none are given."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
    if weights is not None:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def token_spec(folder):
    """A spec beside the folder `model`, over token ids."""
    (folder / "tokens.json").write_text(json.dumps(TOKENS))
    spec = folder / "sweep.toml"
    spec.write_text(SPEC.format(dataset='tokens = "tokens.json"', iteration="corrupt = [2]"))
    return spec
