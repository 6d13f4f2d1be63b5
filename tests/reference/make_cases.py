"""Makes the reference cases beside this file, or checks that they can be remade.

    python make_cases.py             write every case
    python make_cases.py edges tiny  only these
    python make_cases.py --check     write nothing: remake in a temporary folder and compare

`tiny` came from another program: its model and tokens are only read, and its stored scores are compared, never written.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile

import numpy as np

from cases import CASES, write
from tl_scores import SWEEPS, score

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 2e-5  # between scores of two machines; on one machine the files are identical
LEAST_EFFECT = 0.01  # of every sweep in every iteration, so that no comparison is empty


def largest_effects(scores):
    """Largest |patched - clean| per sweep: float [iteration, sweep]."""
    base = scores["clean_metric"]
    return np.array([[np.abs(scores[name][i] - base[i]).max() for name in SWEEPS] for i in range(len(base))])


def show(name, scores):
    effects = largest_effects(scores)
    print(f"{name}: clean {scores['clean_metric']}, corrupted {scores['corrupted_metric']}; largest effects by iteration:")
    for sweep, column in zip(SWEEPS, effects.T):
        print(f"  {sweep:22}", *(f"{x:7.3f}" for x in column))
    if effects.min() < LEAST_EFFECT:
        raise ValueError(f"{name}: an effect is too small to tell anything")


def compare(name, scores, stored_path):
    with np.load(stored_path) as stored:
        if set(stored) != set(scores):
            raise ValueError(f"{name}: other sweeps than the stored ones")
        worst = max(float(np.abs(stored[key] - scores[key]).max()) for key in scores)
    print(f"{name}: the stored scores differ by at most {worst:.1e}")
    if not worst <= TOLERANCE:
        raise ValueError(f"{name}: the stored scores differ by {worst}")


def compare_inputs(name, made, stored):
    def files(folder):
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    ours, theirs = files(made), files(stored)
    theirs.pop("scores.npz", None)
    if ours != theirs:
        differing = sorted(file for file in ours.keys() | theirs.keys() if ours.get(file) != theirs.get(file))
        raise ValueError(f"{name}: made otherwise than stored: {', '.join(differing)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*", metavar="CASE")
    args = parser.parse_args()
    known = {case.name: case for case in CASES} | {"tiny": None}
    if unknown := set(args.names) - set(known):
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(known)}")

    np.set_printoptions(precision=3, suppress=True)
    for name in args.names or known:
        folder, case = HERE / name, known[name]
        if case is None:
            scores = score(folder)
            compare(name, scores, folder / "scores.npz")
        elif args.check:
            with tempfile.TemporaryDirectory() as temporary:
                made = pathlib.Path(temporary) / name
                write(case, made)
                compare_inputs(name, made, folder)
                scores = score(made)
            compare(name, scores, folder / "scores.npz")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            write(case, folder)
            scores = score(folder)
            np.savez(folder / "scores.npz", **scores)
        show(name, scores)


if __name__ == "__main__":
    main()
