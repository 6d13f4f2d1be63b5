"""Seconds of computing in bfloat16 and in float32, in turn, and how far the scores are apart.

    python dtypes.py PATCHSWEEP [--grids resid_pre,z] [--prompts 20] [--pairs 5] [--device cpu]

`ratio` is the median of float32's seconds over bfloat16's within pairs, loading apart. `difference` is the largest one between
effects, whose own largest stands beside it. This program stays small: see ours.py.
"""

import math
import pathlib
import statistics
import tempfile

import machine
import options
import ours
from grids import named
from table import Table
from workload import make, write_spec

DTYPES = ("float32", "bfloat16")
# What CPUs multiply bfloat16 with, as Linux calls it.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def parse():
    parser = options.parser(prompts=20)
    parser.add_argument("--grids", type=named, default=named("resid_pre,z"))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def row(grid, folder, args):
    specs = {dtype: folder / f"{dtype}.toml" for dtype in DTYPES}
    for dtype, spec in specs.items():
        write_spec(spec, grid, args.length, dtype=dtype)
    pairs = [[ours.run(args.patchsweep, spec, threads=args.threads, device=args.device) for spec in specs.values()]
             for _ in range(args.pairs)]
    ratios = [whole.computing / half.computing for whole, half in pairs]
    whole, half = pairs[0]
    effects = [run.scores[grid.name].values for run in (whole, half)]
    largest = max(abs(effect) for effect in effects[0] if not math.isnan(effect))
    apart = ours.largest_difference(pair for pair in zip(*effects, strict=True) if not math.isnan(pair[0]))
    seconds = (statistics.median(run.computing for run in side) for side in zip(*pairs, strict=True))
    return [grid.name, whole.cells, *(f"{each:.2f}" for each in seconds), f"{statistics.median(ratios):.2f}x",
            f"{min(ratios):.2f}", f"{max(ratios):.2f}", f"{apart:.1e}", f"{largest:.2f}"]


def main():
    args = parse()
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    has = ", ".join(name for name in INSTRUCTIONS if name in flags) or "no bfloat16 instructions"
    print(f"{machine.cpu_name()} ({has}), {args.threads} threads, one worker on {args.device}, medians of {args.pairs} pairs; "
          f"{args.layers} layers, {args.prompts} prompts of {args.length} tokens, 3 iterations\n")
    table = Table("grid", "cells", *DTYPES, "ratio", "least", "most", "difference", "largest")
    with tempfile.TemporaryDirectory() as temporary:
        folder = make(pathlib.Path(temporary), args)
        for grid in args.grids:
            table.row(*row(grid, folder, args))


if __name__ == "__main__":
    main()
