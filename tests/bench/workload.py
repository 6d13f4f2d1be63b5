"""Prompts of random tokens, and specs of sweeps over them. Standard library only."""

import json
import random

ITERATIONS = ([2, 3], [3, 4], [4, 5])  # corrupted positions; read three behind the first, as in the founding notebook
CANDIDATES = list(range(100, 126))


def write_tokens(path, prompts, length, vocabulary=50257):
    """Clean prompts, corrupted ones per iteration, answers; all random."""
    draw = random.Random(0)
    clean = [[draw.randrange(vocabulary) for _ in range(length)] for _ in range(prompts)]
    corrupted = [[[draw.randrange(vocabulary) if position in positions else token
                   for position, token in enumerate(prompt)] for prompt in clean] for positions in ITERATIONS]
    answers = [[draw.choice(CANDIDATES) for _ in ITERATIONS] for _ in range(prompts)]
    path.write_text(json.dumps({"clean": clean, "corrupted": corrupted, "answers": answers}))


def write_spec(path, grid, length, positions=None):
    """A sweep over `grid` of the model and the tokens beside `path`.

    positions: how many of them, evenly spread over the prompt, a grid over positions has; None for all.
    """
    iterations = "".join(
        f"\n[[iteration]]\ncorrupt = {corrupted}\nread = {read(corrupted, length)}\nanswer = {index}\n"
        for index, corrupted in enumerate(ITERATIONS))
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
{selection(grid, length, positions)}""")


def read(corrupted, length):
    """Read position: for short prompts as in the founding notebook, for long ones the last."""
    return min(corrupted[0] + 3, length - 1) if length <= 16 else length - 1


def selection(grid, length, positions):
    keys = [key for axis, key in (("pos", "positions"), ("dest_pos", "dest_positions")) if axis in grid.axes]
    if positions is None or not keys:
        return ""
    # The middles of equal parts, so that first and last position weigh no more than in the whole grid.
    middles = sorted({int((part + 0.5) * length / positions) for part in range(positions)})
    return "".join(f"{key} = {middles}\n" for key in keys)
