"""Multiply-adds per second of patchsweep's engine and of TransformerLens, in turn: same machine, threads and weights.

    python rates.py PATCHSWEEP [--grids resid_pre,z] [--prompts 50] [--length 8] [--positions 2] [--heads 3] [--pairs 5]

A program that leaves cells and positions out gains that in full only if what it does compute is computed as fast. TransformerLens'
rate is the multiply-adds of a forward pass, as PyTorch counts them, over the seconds of one; patchsweep's is the executed ones over
the seconds of computing, loading apart. `rates` is the median of patchsweep's rate over TransformerLens' within pairs. This program
stays small: see ours.py.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import version

import machine
import options
import ours
from grids import GRIDS, named
from table import Table
from workload import iterations, make, write_spec

HERE = pathlib.Path(__file__).resolve().parent


def parse():
    parser = options.parser()
    options.add_selection(parser)
    parser.add_argument("--grids", type=named, default=GRIDS)
    parser.add_argument("--pairs", type=int, default=5, help="turns of each side")
    parser.add_argument("--sample", type=int, default=3, help="cells that TransformerLens runs in a turn")
    return parser.parse_args()


@contextmanager
def peer(spec, threads):
    """Asks TransformerLens for a turn of so many cells."""
    command = [sys.executable, HERE / "peer.py", spec, "turns", threads]
    with subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "TQDM_DISABLE": "1"}) as process:
        def turn(cells):
            print(cells, file=process.stdin, flush=True)
            while line := process.stdout.readline():
                if line.startswith("{"):
                    return json.loads(line)
            sys.exit("peer.py ended")

        turn(1)  # the first passes also set up
        yield turn


def row(grid, spec, args):
    write_spec(spec, grid, args.length, args.positions, heads=args.heads)
    pairs = []
    with peer(spec, args.threads) as turn:
        for _ in range(args.pairs):
            pairs.append((turn(args.sample), ours.run(args.patchsweep, spec, threads=args.threads)))
    theirs = [side["multiply_adds"] / side["seconds"] for side, _ in pairs]
    rates = [run.executed / run.computing for _, run in pairs]
    ratios = [rate / their for rate, their in zip(rates, theirs, strict=True)]
    cells = pairs[0][1].cells
    whole = [side["seconds"] * cells / run.seconds for side, run in pairs]
    fewer = pairs[0][0]["multiply_adds"] * cells / pairs[0][1].executed
    return [grid.name, cells, f"{statistics.median(theirs) / 1e9:.1f}", f"{statistics.median(rates) / 1e9:.1f}",
            f"{statistics.median(ratios):.2f}x", f"{min(ratios):.2f}", f"{max(ratios):.2f}", f"{fewer:.1f}x",
            f"{statistics.median(whole):.1f}x"]


def main():
    args = parse()
    print(f"{machine.cpu_name()}, {args.threads} threads, one worker, medians of {args.pairs} pairs; "
          f"TransformerLens {version('transformer-lens')}, PyTorch {version('torch')}")
    print(f"{args.layers} layers, {args.prompts} prompts of {args.length} tokens, {len(iterations(args.length))} iterations"
          f"{options.selected(args)}; rates in 1e9 multiply-adds per second\n")
    # `fewer`: multiply-adds of one pass for each cell over the executed ones; `whole`: seconds of both, loading included.
    table = Table("grid", "cells", "TL", "ours", "rates", "least", "most", "fewer", "whole")
    with tempfile.TemporaryDirectory() as temporary:
        folder = make(pathlib.Path(temporary), args)
        for grid in args.grids:
            table.row(*row(grid, folder / "spec.toml", args))


if __name__ == "__main__":
    main()
