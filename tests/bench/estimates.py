"""Estimates of a trained model's effects beside the effects: do they put cells in the same order?

    python estimates.py PATCHSWEEP FOLDER [--threads N]

FOLDER is what `make real-model` left: a model and the dataset of indirect objects. Of each grid and kind of estimate: Spearman's
rank correlation of sizes over the cells that are no no-ops, how many of the strongest twentieth the estimates find, and the seconds
of a sweep that computes all effects and of one that estimates them. numpy.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import machine

NOOP = 2
GRIDS = {"resid_pre": ["layer", "pos"], "mlp_out": ["layer", "pos"], "z": ["layer", "head"], "q": ["layer", "head"], "k": ["layer", "head"]}
# Spec keys of each kind of estimate, and the components that it is of.
KINDS = {
    "gradient": ('estimate = "gradient"\n', list(GRIDS)),
    "integrated": ('estimate = "integrated"\nsteps = 10\n', list(GRIDS)),
    "recomputed pattern": ('estimate = "gradient"\nrecompute_pattern = true\n', ["q", "k"]),
}
SPEC = """schema = 1
name = "estimates"

[model]
path = "model"

[dataset]
path = "{dataset}"
prepend_bos = false

[corruption]
kind = "pairs"

[[metric]]
kind = "logit_diff"

[[iteration]]
read = -1
answer = 0
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("patchsweep", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dataset", default="ioi.csv")
    parser.add_argument("--threads", type=int, default=machine.CORES)
    args = parser.parse_args()
    effects, status, seconds = sweep(args, list(GRIDS), "")
    print(f"{machine.cpu_name()}, {args.threads} threads; all effects of {sum(each.size for each in effects.values())} cells: {seconds:.1f} s")
    for kind, (keys, grids) in KINDS.items():
        estimates, _, seconds = sweep(args, grids, keys)
        print(f"{kind}: {seconds:.1f} s")
        for grid in grids:
            live = status[grid] != NOOP
            effect, estimate = (np.abs(tensors[grid][live]) for tensors in (effects, estimates))
            print(f"  {grid}: {live.sum()} cells, rank correlation {correlation(effect, estimate):.2f}, "
                  f"{found(effect, estimate):.0%} of the strongest twentieth found")


def sweep(args, grids, keys):
    """Effects or estimates by grid, statuses, and seconds of the run."""
    tables = "".join(f'\n[[grid]]\ncomponent = "{grid}"\naxes = {json.dumps(GRIDS[grid])}\n{keys}' for grid in grids)
    with tempfile.TemporaryDirectory(dir=args.folder) as temporary:
        out = pathlib.Path(temporary)
        spec = args.folder / "estimates.toml"
        spec.write_text(SPEC.format(dataset=args.dataset) + tables)
        command = [args.patchsweep, "run", spec, "--out", out / "results", "--new", "--threads", str(args.threads)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"`run` ended with {done.returncode}:\n{done.stderr}")
        with np.load(out / "results/scores.npz") as npz:
            scores = {grid: npz[f"{grid}.estimate" if keys else grid][0] for grid in grids}
            status = {grid: npz[f"{grid}.status"][0] for grid in grids}
        manifest = json.loads((out / "results/manifest.json").read_text())
    return scores, status, manifest["run"]["seconds"]


def correlation(one, other):
    """Spearman's."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return np.corrcoef(*ranks)[0, 1]


def found(effect, estimate):
    """The part of the strongest twentieth by effect that is also the strongest twentieth by estimate."""
    most = max(1, effect.size // 20)
    strongest = [set(np.argsort(-values)[:most]) for values in (effect, estimate)]
    return len(strongest[0] & strongest[1]) / most


if __name__ == "__main__":
    main()
