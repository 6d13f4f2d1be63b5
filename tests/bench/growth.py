"""How patchsweep's time grows with prompts and layers: seconds per executed multiply-add.

    python growth.py PATCHSWEEP [--grids resid_pre,z] [--prompt-counts 25,50,100,200] [--layer-counts 6,12,24]

Loading the weights and starting a worker take the same time however long a sweep is, so the measure is printed twice:
over all seconds from submission to the last score, and over those that the worker computed, loading apart. `--layers` is how many
there are while the prompts grow, `--prompts` how many while the layers do.
"""

import pathlib
import tempfile

import machine
import options
import ours
from grids import named
from table import Table
from workload import make_model, write_spec, write_tokens


def counts(text):
    return [int(count) for count in text.split(",")]


def parse():
    parser = options.parser()
    parser.add_argument("--grids", type=named, default=named("resid_pre,z"))
    parser.add_argument("--prompt-counts", type=counts, default=[25, 50, 100, 200])
    parser.add_argument("--layer-counts", type=counts, default=[6, 12, 24])
    parser.add_argument("--runs", type=int, default=3, help="of each sweep; the fastest counts")
    return parser.parse_args()


def table(folder, grid, sizes, args):
    """Prints one table; sizes: (layers, prompts) of each row."""
    rows = Table("grid", "layers", "prompts", "cells", "executed", "seconds", "loading", "computing", "s/1e12",
                 "computing/1e12")
    whole, computing = [], []
    for layers, prompts in sizes:
        write_tokens(folder / "tokens.json", prompts, args.length)
        write_spec(folder / "spec.toml", grid, args.length)
        use_model(folder, layers)
        runs = [ours.run(args.patchsweep, folder / "spec.toml", threads=args.threads) for _ in range(args.runs)]
        # The program is compared with itself; what slows a run down is what else the machine does.
        run = min(runs, key=lambda run: run.seconds)
        whole.append(run.seconds / run.executed * 1e12)
        computing.append(run.computing / run.executed * 1e12)
        rows.row(grid.name, layers, prompts, run.cells, f"{run.executed:.2e}", f"{run.seconds:.2f}",
                 f"{run.loading:.2f}", f"{run.computing:.2f}", f"{whole[-1]:.2f}", f"{computing[-1]:.2f}")
    print(f"\nlargest over smallest: {max(whole) / min(whole):.2f} of s/1e12, "
          f"{max(computing) / min(computing):.2f} of computing/1e12\n", flush=True)


def use_model(folder, layers):
    """Makes `model` the one with so many layers, and writes it when it is wanted for the first time."""
    written = folder / f"model-{layers}"
    if not written.exists():
        make_model(written, layers)
    link = folder / "model"
    link.unlink(missing_ok=True)
    link.symlink_to(written)


def main():
    args = parse()
    print(f"{machine.cpu_name()}, {args.threads} threads, one worker, fastest of {args.runs} runs; "
          f"prompts of {args.length} tokens, 3 iterations\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for grid in args.grids:
            table(folder, grid, [(args.layers, prompts) for prompts in args.prompt_counts], args)
            table(folder, grid, [(layers, args.prompts) for layers in args.layer_counts], args)


if __name__ == "__main__":
    main()
