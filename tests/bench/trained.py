"""A trained model: patchsweep against one pass per cell with transformers and with TransformerLens, in turn.

    python trained.py PATCHSWEEP FOLDER [--turns 3] [--sample 5] [--threads N]

FOLDER is what `make real-model` keeps: the model, datasets and specs of SmolLM2-135M-Instruct. In each turn a random sample of
a grid's cells runs with either library, whose seconds are those of the median cell times the number of cells, and then
patchsweep runs the grid; its seconds are from submission to the last score, loading included. The ratio of multiply-adds is the
one that `plan` states: what is left out should be gained in full.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version

import torch
from transformers import logging

import machine
import ours
from lens import LensRuns, load
from table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
from real_model import prompts  # noqa: E402
from real_model.peer import Peer, Runs  # noqa: E402

GRIDS = {"resid_pre": ["layer", "pos"], "z": ["layer", "head"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("patchsweep", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("folder", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--datasets", default=",".join(prompts.DATASETS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--sample", type=int, default=5, help="cells of each library and turn")
    parser.add_argument("--threads", type=int, default=machine.CORES, help="of all three")
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    torch.set_num_threads(arguments.threads)
    peer = Peer(arguments.folder / "model")
    lens = load(peer.hooked.model)
    print(f"{machine.cpu_name()}, {arguments.threads} threads, {arguments.turns} turns; transformers {version('transformers')}, "
          f"TransformerLens {version('transformer-lens')}, PyTorch {version('torch')}\n")
    table = Table("dataset, grid", "cells", "transformers s", "TL s", "ours s", "ratio", "ratio to TL", "multiply-adds", "gained",
                  "gained to TL")
    for dataset in arguments.datasets.split(","):
        runs = Runs(peer, prompts.DATASETS[dataset]())
        for component in GRIDS:
            table.row(f"{dataset}, {component}", *measured(arguments, dataset, component, runs, LensRuns(lens, runs)))


def measured(arguments, dataset, component, runs, lens_runs):
    """One grid's figures: medians of the turns, ratios within each turn."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml", dir=arguments.folder) as spec:
        spec.write(with_one_grid(arguments.folder / f"{dataset}.toml", component))
        spec.flush()
        grid = json.loads(output(arguments.patchsweep, "plan", spec.name, "--output", "json"))
        whole = sum(each["multiply_adds_one_pass_per_cell"] for each in grid["grids"])
        cells = sum(each["cells"] for each in grid["grids"])
        saved = whole / grid["multiply_adds"]
        turns = [turn(arguments, spec.name, component, cells, runs, lens_runs) for _ in range(arguments.turns)]
    middle = [statistics.median(seconds) for seconds in zip(*turns)]
    ratio, to_lens = (statistics.median(each[side] / each[2] for each in turns) for side in (0, 1))
    return [cells, *(f"{seconds:.1f}" for seconds in middle), f"{ratio:.1f}x", f"{to_lens:.1f}x", f"{saved:.2f}x",
            f"{ratio / saved:.2f}x", f"{to_lens / saved:.2f}x"]


def with_one_grid(path, component):
    """The spec's text with one grid and one metric."""
    head, _, _ = path.read_text().partition("\n[[metric]]")
    return (f'{head}\n[[metric]]\nkind = "logit_diff"\n\n[[grid]]\ncomponent = "{component}"\n'
            f"axes = {json.dumps(GRIDS[component])}\n").replace("per_prompt = true\n", "")


def turn(arguments, spec, component, cells, runs, lens_runs):
    """Seconds of transformers, of TransformerLens, and of patchsweep."""
    config = runs.hooked.model.config
    along = runs.clean.shape[1] if component == "resid_pre" else config.num_attention_heads
    chosen = [(random.randrange(config.num_hidden_layers), random.randrange(along)) for _ in range(arguments.sample)]
    seconds = []
    for side in (runs, lens_runs):
        taken = []
        for layer, index in chosen:
            place = (slice(None), index) if component == "resid_pre" else (slice(None), slice(None), index)
            side.seconds.clear()
            side.cell(component, layer, place)
            taken += side.seconds
        seconds.append(statistics.median(taken) * cells)
    return [*seconds, ours.run(arguments.patchsweep, spec, threads=arguments.threads).seconds]


def output(*command):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
