"""Compares the speed of two builds: python3 pairs.py OLD NEW SPEC.., two programs `patchsweep`, each beside its worker.

Runs each spec with both in turn, so that a machine which changes its speed changes that of both, and prints for each number
of threads the medians of both and the median of old over new within pairs: above 1, the new build is faster. Seconds are
those of computing, loading apart. Standard library only.
"""

import argparse
import pathlib
import statistics

import ours
from table import Table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("new", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("specs", type=pathlib.Path, nargs="+")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="shared out among the workers")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    table = Table("spec", "threads", "workers", "old", "new", "old/new", "least", "most")
    for spec in given.specs:
        for threads in given.threads:
            runs = [[ours.run(program, spec, workers=given.workers, threads=threads).computing
                     for program in (given.old, given.new)] for _ in range(given.pairs)]
            ratios = [old / new for old, new in runs]
            old, new = (statistics.median(side) for side in zip(*runs, strict=True))
            table.row(spec.stem if spec.stem != "spec" else spec.parent.name, threads, given.workers, f"{old:.2f}",
                      f"{new:.2f}", f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}", f"{max(ratios):.2f}")


if __name__ == "__main__":
    main()
