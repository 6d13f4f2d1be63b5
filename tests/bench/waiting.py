"""What it costs how libtorch's threads wait for each other, on idle and on busy cores. Standard library only.

    python waiting.py PATCHSWEEP [--specs data/acronyms.toml] [--runs 3] [--busy 12] [--threads N] [--looks 100,3000]

Each round runs a sweep once with each way to wait, in turn; spinning only on idle cores, since it takes very long on busy
ones. Busy cores have other processes on them, which this program starts and ends itself.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys

import machine
import ours
from table import Table

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "data" / "acronyms.toml"

OWN, SPINNING, PASSIVE = "own choice", "spinning", "passive"
# What OpenMP does where nobody says anything, and its other end.
WAYS = {OWN: {}, SPINNING: {"GOMP_SPINCOUNT": "300000"}, PASSIVE: {"OMP_WAIT_POLICY": "passive"}}

MOST_IDLE, MOST_BUSY = 1.03, 1.3


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("patchsweep", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--specs", type=lambda paths: [pathlib.Path(path) for path in paths.split(",")],
                        default=[EXAMPLE])
    parser.add_argument("--runs", type=int, default=3, help="of each sweep with each way to wait")
    parser.add_argument("--busy", type=int, default=6 * machine.CORES, help="other processes on the busy cores")
    parser.add_argument("--threads", type=int, default=machine.CORES)
    parser.add_argument("--looks", type=lambda text: [looks for looks in text.split(",") if looks], default=[],
                        help="other values of GOMP_SPINCOUNT to try")
    return parser.parse_args()


@contextlib.contextmanager
def others(count):
    """So many processes that want a core each."""
    started = []
    try:
        for _ in range(count):
            started.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def rounds(args, spec, ways, busy):
    """Seconds of each run with each way, round by round, so that what else happens on the machine meets all alike."""
    seconds = {way: [] for way in ways}
    for _ in range(args.runs):
        for way, environment in ways.items():
            with others(busy):
                run = ours.run(args.patchsweep, spec, threads=args.threads, environment=environment)
            seconds[way].append(run.seconds)
    return seconds


def ratio(seconds, way, to):
    """The median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(seconds[way], seconds[to], strict=True))


def main():
    args = parse()
    for variable in {name for environment in WAYS.values() for name in environment}:
        os.environ.pop(variable, None)
    ways = WAYS | {f"{looks} looks": {"GOMP_SPINCOUNT": looks} for looks in args.looks}
    print(f"{machine.cpu_name()}, {args.threads} threads on {machine.CORES} cores, one worker, {args.runs} rounds; busy: "
          f"{args.busy} other processes\n")
    for spec in args.specs:
        idle = rounds(args, spec, ways, 0)
        busy = rounds(args, spec, {way: ways[way] for way in ways if way != SPINNING}, args.busy)
        print(f"{spec.name}:\n")
        table = Table("threads wait", "idle s", "to spinning", "busy s", "to passive")
        for way in ways:
            on_busy = (f"{statistics.median(busy[way]):.2f}", f"{ratio(busy, way, PASSIVE):.3f}") if way in busy else ("", "")
            table.row(way, f"{statistics.median(idle[way]):.2f}", f"{ratio(idle, way, SPINNING):.3f}", *on_busy)
        spun, slept = ratio(idle, OWN, SPINNING), ratio(busy, OWN, PASSIVE)
        print(f"\nown choice: {spun:.3f} of spinning on idle cores (at most {MOST_IDLE}), {slept:.3f} of passive on busy ones "
              f"(at most {MOST_BUSY}): {'good' if spun <= MOST_IDLE and slept <= MOST_BUSY else 'NOT GOOD'}\n", flush=True)


if __name__ == "__main__":
    main()
