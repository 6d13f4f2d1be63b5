"""What the benchmarks' command lines have in common."""

import argparse
import pathlib

import machine


def parser(*, prompts=50, layers=12):
    """With the program, and the shape of models and prompts."""
    made = argparse.ArgumentParser()
    made.add_argument("patchsweep", type=lambda path: pathlib.Path(path).resolve())
    made.add_argument("--prompts", type=int, default=prompts)
    made.add_argument("--length", type=int, default=8, help="tokens of each prompt")
    made.add_argument("--layers", type=int, default=layers)
    made.add_argument("--threads", type=int, default=machine.CORES, help="of each side; shared out among workers")
    return made


def add_selection(made):
    made.add_argument("--positions", type=int, help="only so many positions, evenly spread, in grids over positions")
    made.add_argument("--heads", type=int, help="only so many heads, evenly spread, in grids over heads")


def selected(given):
    """In words."""
    parts = [f", {count} {what} per grid" for what, count in (("positions", given.positions), ("heads", given.heads)) if count]
    return "".join(parts)
