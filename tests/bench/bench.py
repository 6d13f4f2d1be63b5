"""TransformerLens and patchsweep in turn: same machine, threads and weights.

    python bench.py PATCHSWEEP [--grids resid_pre,z] [--prompts 50] [--length 8] [--runs 3] [--workers 2]

TransformerLens runs a random sample of each grid's cells in each iteration; its seconds are those of the median cell
times the number of cells. patchsweep runs whole grids; its seconds are from submission to the last score, loading
included, the median of its runs. This program stays small: see ours.py.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from importlib.metadata import version

import machine
import options
import ours
from grids import GRIDS, named
from table import Table
from workload import make, write_spec

HERE = pathlib.Path(__file__).resolve().parent


def parse():
    parser = options.parser()
    options.add_selection(parser)
    parser.add_argument("--grids", type=named, default=GRIDS)
    parser.add_argument("--sample", type=int, default=8,
                        help="cells per grid and iteration that TransformerLens runs; 0 leaves it out")
    parser.add_argument("--runs", type=int, default=1, help="of patchsweep, per grid")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--compare-workers", action="store_true", help="run one worker with all threads as well")
    return parser.parse_args()


def run_peer(spec, args):
    command = [sys.executable, HERE / "peer.py", spec, args.sample, args.threads]
    quiet = {**os.environ, "TQDM_DISABLE": "1"}
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, env=quiet)
    return json.loads(done.stdout.splitlines()[-1])


def measure(spec, args):
    """Runs of patchsweep, runs of it with one worker (none unless they are compared), matrix rate."""
    several, single = [], []
    rates = [machine.matrix_rate(args.threads)]
    for _ in range(args.runs):
        if args.compare_workers:
            single.append(ours.run(args.patchsweep, spec, threads=args.threads))
        several.append(ours.run(args.patchsweep, spec, workers=args.workers, threads=args.threads))
    rates.append(machine.matrix_rate(args.threads))
    return several, single, max(rates)


def row(grid, spec, args):
    write_spec(spec, grid, args.length, args.positions, heads=args.heads)
    peer = run_peer(spec, args) if args.sample else None
    several, single, rate = measure(spec, args)
    run = ours.median(several)
    limit = run.executed / rate
    if peer is None:
        seconds = ratio = memory = difference = "-"
    else:
        seconds, ratio = f"{peer['seconds']:.1f}", f"{peer['seconds'] / run.seconds:.1f}x"
        memory = f"{peer['peak'] / 2**30:.2f}"
        pairs = ((run.score(iteration, cell), theirs) for iteration, *cell, theirs in peer["scores"])
        difference = f"{ours.largest_difference(pairs):.0e}"
    cells = [grid.name, run.cells, seconds, f"{run.seconds:.2f}", f"{min(each.seconds for each in several):.2f}", ratio,
             memory, f"{run.peak / 2**30:.2f}", difference, f"{run.executed:.2e}", f"{rate / 1e9:.0f}", f"{limit:.2f}",
             f"{limit / run.seconds:.0%}", f"{run.calls:.0f}"]
    if single:
        alone = ours.median(single).seconds
        cells += [f"{alone:.2f}", f"{alone / run.seconds:.2f}x"]
    return cells


def main():
    args = parse()
    print(f"{machine.cpu_name()}, {args.threads} threads, {args.workers} workers, {args.runs} runs; "
          f"TransformerLens {version('transformer-lens')}, PyTorch {version('torch')}, "
          f"sample of {args.sample} cells per iteration")
    print(f"{args.layers} layers, {args.prompts} prompts of {args.length} tokens, 3 iterations{options.selected(args)}\n")
    # `rate` is in 1e9 multiply-adds per second; `limit s` are the executed ones over it.
    table = Table("grid", "cells", "TL s", "ours s", "best s", "ratio", "TL GiB", "ours GiB", "difference",
                  "executed", "rate", "limit s", "of rate", "calls", *(["1 worker s", "vs 1"] if args.compare_workers else []))
    with tempfile.TemporaryDirectory() as temporary:
        folder = make(pathlib.Path(temporary), args)
        for grid in args.grids:
            table.row(*row(grid, folder / "spec.toml", args))


if __name__ == "__main__":
    main()
