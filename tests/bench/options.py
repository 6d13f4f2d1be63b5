"""What the benchmarks' command lines have in common."""

import argparse
import pathlib

import machine


def program(*, layers):
    """With the program, and the layers of models."""
    made = argparse.ArgumentParser()
    made.add_argument("patchsweep", type=lambda path: pathlib.Path(path).resolve())
    made.add_argument("--layers", type=int, default=layers)
    made.add_argument("--threads", type=int, default=machine.CORES, help="of each side; shared out among workers")
    return made


def parser(*, prompts=50, length=8, layers=12):
    """With the shape of prompts as well."""
    made = program(layers=layers)
    made.add_argument("--prompts", type=int, default=prompts)
    made.add_argument("--length", type=int, default=length, help="tokens of each prompt")
    return made


def add_selection(made):
    made.add_argument("--positions", type=int, help="only so many positions, evenly spread, in grids over positions")
    made.add_argument("--heads", type=int, help="only so many heads, evenly spread, in grids over heads")


def selected(given):
    """In words."""
    parts = [f", {count} {what} per grid" for what, count in (("positions", given.positions), ("heads", given.heads)) if count]
    return "".join(parts)
