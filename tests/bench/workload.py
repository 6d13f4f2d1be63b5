"""Models and prompts of random tokens, and specs of sweeps over them. Standard library only; torch makes models in a process of its own."""

import json
import pathlib
import random
import subprocess
import sys

CANDIDATES = list(range(100, 126))
# Of the models that `model.py` makes at GPT-2 small's width.
HEADS = 12


def iterations(length):
    """Corrupted positions and read position of each: those of the founding notebook's 8 tokens, at the same places of longer
    prompts."""
    scale = length // 8
    return [([first * scale, (first + 1) * scale], (first + 3) * scale) for first in (2, 3, 4)]


def make(folder, args, family="gpt2"):
    """A folder with tokens and a model of GPT-2 small's width, of the shape that the options say."""
    make_model(folder / "model", args.layers, family)
    write_tokens(folder / "tokens.json", args.prompts, args.length)
    return folder


def make_model(folder, layers, family="gpt2"):
    """A folder with a model alone, of a family that model.py knows."""
    maker = pathlib.Path(__file__).resolve().parent / "model.py"
    folder.mkdir(parents=True)
    subprocess.run([sys.executable, maker, folder, str(layers), family], check=True)


def write_tokens(path, prompts, length, vocabulary=50257):
    """Clean prompts, corrupted ones per iteration, answers; all random."""
    draw = random.Random(0)
    clean = [[draw.randrange(vocabulary) for _ in range(length)] for _ in range(prompts)]
    corrupted = [[[draw.randrange(vocabulary) if position in positions else token
                   for position, token in enumerate(prompt)] for prompt in clean] for positions, _ in iterations(length)]
    answers = [[draw.choice(CANDIDATES) for _ in iterations(length)] for _ in range(prompts)]
    path.write_text(json.dumps({"clean": clean, "corrupted": corrupted, "answers": answers}))


def write_spec(path, grid, length, positions=None, model="model", dtype="float32", heads=None):
    """A sweep over `grid` of the tokens beside `path` and of a model, which is there too or below `--models`.

    positions, heads: how many of them, evenly spread, a grid over positions or heads has; None for all.
    """
    tables = "".join(
        f"\n[[iteration]]\ncorrupt = {corrupted}\nread = {read}\nanswer = {index}\n"
        for index, (corrupted, read) in enumerate(iterations(length)))
    path.write_text(f"""schema = 1
name = "bench-{grid.name}"

[model]
path = "{model}"
dtype = "{dtype}"

[dataset]
tokens = "tokens.json"

[[metric]]
kind = "logit_diff_max"
candidate_ids = {CANDIDATES}
{tables}
[[grid]]
name = "{grid.name}"
component = "{grid.component}"
axes = {json.dumps(grid.axes)}
{selection(grid, length, positions, heads)}""")


def selection(grid, length, positions, heads):
    along = {"pos": ("positions", length, positions), "dest_pos": ("dest_positions", length, positions),
             "src_pos": ("src_positions", length, positions), "head": ("heads", HEADS, heads)}
    return "".join(f"{key} = {middles(total, wanted)}\n"
                   for axis, (key, total, wanted) in along.items() if axis in grid.axes and wanted is not None)


def middles(total, parts):
    """Of equal parts, so that the first and the last index weigh no more than in the whole grid."""
    return sorted({int((part + 0.5) * total / parts) for part in range(parts)})
