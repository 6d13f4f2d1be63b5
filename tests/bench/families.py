"""Seconds per executed multiply-add of models shaped as different families are, at equal width and batch, in turn.

    python families.py PATCHSWEEP [--grids resid_pre,z] [--families gpt2,llama,gemma2] [--runs 5]

Those that the worker computed, loading apart, medians of the runs; beside them the ratio to the first family.
"""

import pathlib
import statistics
import tempfile

import machine
import options
import ours
from grids import named
from table import Table
from workload import make, write_spec


def parse():
    parser = options.parser(layers=6)
    parser.add_argument("--grids", type=named, default=named("resid_pre,z"))
    parser.add_argument("--families", type=lambda names: names.split(","), default=["gpt2", "llama", "gemma2"])
    parser.add_argument("--runs", type=int, default=5, help="of each family and grid, in turn")
    return parser.parse_args()


def main():
    args = parse()
    print(f"{machine.cpu_name()}, {args.threads} threads, one worker, medians of {args.runs} runs; {args.layers} layers, "
          f"{args.prompts} prompts of {args.length} tokens, 3 iterations\n")
    rows = Table("grid", "family", "cells", "executed", "seconds", "computing", "computing/1e12", "ratio")
    with tempfile.TemporaryDirectory() as temporary:
        home = pathlib.Path(temporary)
        folders = {family: make(home / family, args, family) for family in args.families}
        for grid in args.grids:
            runs = {family: [] for family in folders}
            for _ in range(args.runs):
                for family, folder in folders.items():
                    write_spec(folder / "spec.toml", grid, args.length)
                    runs[family].append(ours.run(args.patchsweep, folder / "spec.toml", threads=args.threads))
            each = {family: statistics.median(run.computing / run.executed * 1e12 for run in of) for family, of in runs.items()}
            for family, of in runs.items():
                middle = ours.median(of)
                rows.row(grid.name, family, middle.cells, f"{middle.executed:.2e}", f"{middle.seconds:.2f}",
                         f"{middle.computing:.2f}", f"{each[family]:.2f}", f"{each[family] / each[args.families[0]]:.2f}x")


if __name__ == "__main__":
    main()
