"""Sweeps a trained model and holds the scores to transformers.

    python check_real_model.py PATCHSWEEP FOLDER [--cells 12] [--seed 0] [--threads N]

The model is SmolLM2-135M-Instruct. FOLDER gets it, two datasets with their specs, and the results, and keeps them. All
baselines are compared, and of each grid a random sample of cells, prompt by prompt: transformers takes a whole forward pass
for each.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys

import numpy as np
import torch
from transformers import logging

from real_model import folder, prompts
from real_model.peer import METRICS, Peer, Runs

TOLERANCE = 1e-4
COMPUTED, NOOP = 0, 2
GRIDS = {"resid_pre": ["layer", "pos"], "z": ["layer", "head"]}
SPEC = """schema = 1
name = "{name}"
per_prompt = true

[model]
path = "model"

[dataset]
path = "{name}.csv"
prepend_bos = false

[corruption]
kind = "pairs"

[[iteration]]
label = "last token"
read = -1
answer = 0
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("patchsweep", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cells", type=int, default=12, help="of each grid that transformers computes, besides no-ops")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of both")
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    torch.set_num_threads(arguments.threads)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    folder.write(arguments.folder / "model")
    peer = Peer(arguments.folder / "model")
    describe(peer.hooked.model)
    # Where one of them is NaN, so is numpy's maximum.
    worst = np.max([check(arguments, peer, name, make()) for name, make in prompts.DATASETS.items()])
    if not worst <= TOLERANCE:
        sys.exit(f"check_real_model: scores differ by {worst:.1e}, more than {TOLERANCE:.0e}")
    print(f"check_real_model: transformers agrees, largest difference {worst:.1e}")


def describe(model):
    config = model.config
    tied = "tied" if config.tie_word_embeddings else "not tied"
    print(f"SmolLM2-135M-Instruct: {model.num_parameters():,} parameters, {config.num_hidden_layers} layers of "
          f"{config.num_attention_heads} heads and {config.num_key_value_heads} key-value heads, width {config.hidden_size}, "
          f"{config.vocab_size} tokens, embedding and unembedding {tied}")


def check(arguments, peer, name, dataset):
    """Sweeps a dataset; the largest difference between scores."""
    spec = write(arguments.folder, name, dataset)
    plan = json.loads(output(arguments, "plan", spec, "--output", "json"))
    results = arguments.folder / f"{name}-results"
    output(arguments, "run", spec, "--out", results, "--overwrite", "--new", "--threads", arguments.threads)
    manifest = json.loads((results / "manifest.json").read_text())
    with np.load(results / "scores.npz") as npz:
        scores = dict(npz)
    runs = Runs(peer, dataset)
    ours, theirs = [token["id"] for token in plan["first_prompt"]], runs.clean[0].tolist()
    if ours != theirs:
        sys.exit(f"check_real_model: the first prompt of {name} is {ours}, in transformers {theirs}")
    print(f"{name}:")
    answers(peer, runs)
    apart = [baselines(runs, scores), *(sample(arguments, runs, grid, scores) for grid in manifest["grids"])]
    strongest(scores["z"][0])
    seconds(arguments, runs, plan, manifest)
    print(f"  largest differences: {apart[0]:.1e} of baselines, " +
          ", ".join(f"{each:.1e} of {grid}" for grid, each in zip(GRIDS, apart[1:])))
    return np.max(apart)


def write(home, name, dataset):
    prompts.write(dataset, home / f"{name}.csv")
    metrics = "".join(f'\n[[metric]]\nkind = "{kind}"\n' for kind in METRICS)
    grids = "".join(f'\n[[grid]]\ncomponent = "{component}"\naxes = {json.dumps(axes)}\n' for component, axes in GRIDS.items())
    spec = home / f"{name}.toml"
    spec.write_text(SPEC.format(name=name) + metrics + grids)
    return spec


def output(arguments, *command):
    command = [str(part) for part in (arguments.patchsweep, *command)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"check_real_model: `{' '.join(command)}` ended with {done.returncode}")
    return done.stdout


def named(tensor, metric):
    """The first metric's tensors have plain names."""
    return tensor if metric == METRICS[0] else f"{tensor}@{metric}"


def baselines(runs, scores):
    """The largest difference between mean scores of the clean and of the corrupted run."""
    apart = []
    for run in ["clean", "corrupted"]:
        theirs = runs.score(getattr(runs, run)).mean(1)
        ours = [scores[named(run, metric)][0] for metric in METRICS]
        apart.append(np.abs(ours - theirs).max())
        print(f"  {run} run: " + ", ".join(f"{metric} {score:.3f}" for metric, score in zip(METRICS, ours)))
    return np.max(apart)


def sample(arguments, runs, grid, scores):
    """The largest difference between effects on single prompts, over a grid's cells drawn at random."""
    name = grid["name"]
    drawn = draw(arguments, scores[f"{name}.status"][0])
    clean = runs.score(runs.clean)
    apart = []
    for layer, index in drawn:
        place = (slice(None), index) if name == "resid_pre" else (slice(None), slice(None), index)
        theirs = runs.cell(name, layer, place) - clean
        ours = [scores[named(name, metric) + ".prompts"][0, layer, index] for metric in METRICS]
        apart.append(np.abs(ours - theirs).max())
    return np.max(apart)


def draw(arguments, status):
    """Cells that were computed, and a fourth as many that were left out as no-ops."""
    of = lambda kind: list(zip(*np.nonzero(status == kind)))
    sizes = {COMPUTED: arguments.cells, NOOP: -(-arguments.cells // 4)}
    generator = random.Random(arguments.seed)
    return [cell for kind, size in sizes.items() for cell in generator.sample(of(kind), min(size, len(of(kind))))]


def answers(peer, runs):
    """How often the model is right: on the prompts as they are, and behind a BOS token, which its tokenizer does not put there."""
    print(f"  {len(runs.clean)} prompts of {runs.clean.shape[1]} tokens")
    bos = peer.tokenizer.bos_token
    for title, tokens in [("plain", runs.clean), (f"behind {bos}", runs.clean_behind(peer.tokenizer.bos_token_id))]:
        first, larger = runs.first_choices(tokens)
        print(f"  {title}: the answer is above the wrong one in {larger}, above all tokens in {first}; "
              f"{METRICS[0]} {runs.score(tokens)[0].mean():.3f}")


def strongest(effects, count=8):
    order = np.argsort(-np.abs(effects), axis=None)[:count]
    heads = (np.unravel_index(cell, effects.shape) for cell in order)
    print("  strongest heads: " + ", ".join(f"{layer}.{head} {effects[layer, head]:+.2f}" for layer, head in heads))


def seconds(arguments, runs, plan, manifest):
    """On a machine that does other things too these are no benchmark."""
    cells = sum(grid["cells"] for grid in plan["grids"])
    whole = sum(grid["multiply_adds_one_pass_per_cell"] for grid in plan["grids"])
    each, ours = runs.seconds_per_cell(), manifest["run"]["seconds"]
    print(f"  {cells} cells on {arguments.threads} threads: transformers {each:.2f} s for each, {each * cells:.0f} s for all; "
          f"patchsweep {ours:.1f} s, {each * cells / ours:.1f}x; multiply-adds {whole / plan['multiply_adds']:.1f}x (no benchmark)")


if __name__ == "__main__":
    main()
