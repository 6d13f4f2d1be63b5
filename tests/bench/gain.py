"""What is left out of a sweep, over the length of prompts and the size of models.

    python gain.py PATCHSWEEP FIGURE.svg

`patchsweep plan` counts the multiply-adds of every sweep, and those of one forward pass for each cell; nothing is computed and no
weights are needed. Of each prompt the tokens a quarter of the way in are corrupted (two of eight, three of more), and the last one is
read, as where a sentence's subject is changed. Draws the figure of docs/performance.md and prints its table. Standard library only.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

from gain_figure import drawn
from table import Table

# Of the table; what is left out hardly depends on it.
PROMPTS = 32
LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
# Layers, width, heads, key-value heads, width of the MLP, vocabulary.
MODELS = {
    "Pythia 160M": (12, 768, 12, 12, 3072, 50304),
    "Llama 1B": (16, 2048, 32, 8, 8192, 128256),
    "Llama 8B": (32, 4096, 32, 8, 14336, 128256),
    "Llama 70B": (80, 8192, 64, 8, 28672, 128256),
}
GRIDS = {
    "resid_pre by layer and position": ("resid_pre", ["layer", "pos"]),
    "z by layer and head": ("z", ["layer", "head"]),
    "z by layer, position and head": ("z", ["layer", "pos", "head"]),
}
TABLE = [(model, length) for model in ("Pythia 160M", "Llama 1B", "Llama 8B") for length in (16, 128)]
# Multiply-adds per second.
RATES = {"at 1e11/s": 1e11, "at 1e13/s": 1e13}


def config(name):
    layers, width, heads, kv_heads, mlp, vocabulary = MODELS[name]
    gpt_neox = name.startswith("Pythia")
    sizes = {"num_hidden_layers": layers, "hidden_size": width, "num_attention_heads": heads, "intermediate_size": mlp,
             "vocab_size": vocabulary, "max_position_embeddings": 2048, "tie_word_embeddings": False}
    if gpt_neox:
        return {"model_type": "gpt_neox", **sizes, "rotary_pct": 0.25, "rotary_emb_base": 10000, "layer_norm_eps": 1e-5,
                "use_parallel_residual": True, "hidden_act": "gelu"}
    return {"model_type": "llama", **sizes, "num_key_value_heads": kv_heads, "rms_norm_eps": 1e-5, "hidden_act": "silu",
            "rope_theta": 500000.0, "attention_bias": False, "mlp_bias": False}


def corrupted_positions(length):
    first = length // 4
    return list(range(first, first + (2 if length == 8 else 3)))


def planned(program, folder, model, length, grid, prompts=PROMPTS):
    """A grid of `plan`'s answer."""
    component, axes = GRIDS[grid]
    home = folder / model.replace(" ", "-")
    home.mkdir(exist_ok=True)
    (home / "config.json").write_text(json.dumps(config(model)))
    draw = random.Random(0)
    clean = [[draw.randrange(50000) for _ in range(length)] for _ in range(prompts)]
    changed = corrupted_positions(length)
    corrupted = [[token + 1 if pos in changed else token for pos, token in enumerate(prompt)] for prompt in clean]
    tokens = {"clean": clean, "corrupted": [corrupted], "answers": [[7]] * prompts}
    (folder / "tokens.json").write_text(json.dumps(tokens))
    spec = folder / "spec.toml"
    spec.write_text(f"""schema = 1
name = "gain"
model = {{ path = "{home.name}" }}
dataset = {{ tokens = "tokens.json" }}
metric = [{{ kind = "logit_diff_max", candidate_ids = [7, 8] }}]
iteration = [{{ corrupt = {changed}, read = "end", answer = 0 }}]
grid = [{{ component = "{component}", axes = {json.dumps(axes)} }}]
""")
    done = subprocess.run([program, "plan", spec, "--output", "json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{model}, {length} tokens, {grid}: {done.stderr}{done.stdout}")
    (row,) = json.loads(done.stdout)["grids"]
    return row


def fewer(row):
    return row["multiply_adds_one_pass_per_cell"] / row["multiply_adds"]


def seconds(multiply_adds, rate):
    took = multiply_adds / rate
    for unit, length, digits in (("days", 86400, 0), ("h", 3600, 1), ("min", 60, 0)):
        if took >= 2 * length:
            return f"{took / length:.{digits}f} {unit}"
    return f"{took:.1f} s"


def main():
    program, figure = sys.argv[1:]
    program = pathlib.Path(program).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        curves = {grid: {model: [fewer(planned(program, folder, model, length, grid, 1)) for length in LENGTHS] for model in MODELS}
                  for grid in list(GRIDS)[:2]}
        pathlib.Path(figure).write_text(drawn(LENGTHS, curves))
        table = Table("grid", "model", "tokens", "cells", "multiply-adds", "fewer", *RATES)
        for grid in GRIDS:
            for model, length in TABLE:
                row = planned(program, folder, model, length, grid)
                table.row(grid, model, length, row["cells"], f"{row['multiply_adds']:.1e}", f"{fewer(row):.1f}x",
                          *(seconds(row["multiply_adds"], rate) for rate in RATES.values()))


if __name__ == "__main__":
    main()
