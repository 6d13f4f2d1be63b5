"""A model of GPT-2 small's shape with random weights, prompts of random tokens, and specs over them."""

import json

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

ITERATIONS = ([2, 3], [3, 4], [4, 5])  # corrupted positions; read three behind the first, as in the founding notebook
CANDIDATES = list(range(100, 126))


def write_model(folder, layers):
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=layers, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0))
    for name, parameter in model.named_parameters():
        # Larger than at the start of a training, so that effects are not tiny.
        if parameter.ndim > 1 and "wte" not in name and "wpe" not in name:
            parameter.data.mul_(2.5)
    model.save_pretrained(folder)


def write_tokens(path, prompts, length):
    """Clean prompts, corrupted ones per iteration, answers; all random."""
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 50257, (prompts, length))
    corrupted = []
    for positions in ITERATIONS:
        other = clean.copy()
        other[:, positions] = rng.integers(0, 50257, (prompts, len(positions)))
        corrupted.append(other.tolist())
    answers = rng.choice(CANDIDATES, (prompts, len(ITERATIONS)))
    tokens = {"clean": clean.tolist(), "corrupted": corrupted, "answers": answers.tolist()}
    path.write_text(json.dumps(tokens))
    return tokens


def reads(length):
    """Read positions: for short prompts as in the founding notebook, for long ones the last."""
    return [min(positions[0] + 3, length - 1) if length <= 16 else length - 1 for positions in ITERATIONS]


def write_spec(path, grid, length):
    iterations = "".join(
        f"\n[[iteration]]\ncorrupt = {positions}\nread = {read}\nanswer = {index}\n"
        for index, (positions, read) in enumerate(zip(ITERATIONS, reads(length))))
    path.write_text(f"""schema = 1
name = "bench-{grid.name}"

[model]
path = "model"

[dataset]
tokens = "tokens.json"

[[metric]]
kind = "logit_diff_max"
candidate_ids = {CANDIDATES}
{iterations}
[[grid]]
name = "{grid.name}"
component = "{grid.component}"
axes = {json.dumps(grid.axes)}
""")
