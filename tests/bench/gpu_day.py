"""Everything that a GPU has to show, as one command for the few minutes that one has it.

    python3 gpu_day.py PROGRAMS --out FOLDER [--first] [--device cuda:0] [--seconds 480] [--parts right,founding] [--small]

PROGRAMS is the folder of patchsweep and patchsweep-worker, or of what gpu_pack.py makes of them. Needs libtorch with CUDA (an exported
LIBTORCH, or where the programs were built against it) and Python 3.10 without any package. Prints Markdown, part by part in the order of
their worth, and keeps it in FOLDER, and as JSON beside it; ends with 1 where something failed or is not as wanted. `--first` is the first
contact alone; `--device cpu --small` tries it out.
"""

import argparse
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile

import machine
from gpu import card, eight, faults, first, founding, large, memory, packed, rates, right
from gpu.day import Day
from gpu.report import Report

# Name, module, seconds that it may take, those without which it is not worth beginning, and what it is; in the order of their worth.
PARTS = {
    "first": (first, 150, 5, "The first contact: does the device open, is a tiny case right, how long does a tile take?"),
    "right": (right, 110, 20, "Does the device compute what the CPU computes?"),
    "rates": (rates, 60, 5, "How fast the device multiplies matrices"),
    "founding": (founding, 100, 15, "The founding sweeps: GPT-2 small's shape, 250 prompts of 8 tokens, float32"),
    "large": (large, 90, 25, "Llama's shape with 1.2 billion parameters, 32 prompts of 64 tokens, bfloat16"),
    "memory": (memory, 100, 15, "Memory: budgets, two workers, running out, weights that do not fit"),
    "faults": (faults, 60, 10, "Faults: a worker that is killed, a device that is taken, no driver, the wrong libtorch"),
    "eight": (eight, 150, 40, "8 billion parameters, 8 prompts of 64 tokens, bfloat16"),
}
# Of memory that is a folder: coordinators' states and logs are some megabytes each.
ROOM = 1 << 30


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=lambda path: pathlib.Path(path).resolve(),
                        help="folder of patchsweep and patchsweep-worker, or of what gpu_pack.py makes of them")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for all that is found, made if missing")
    parser.add_argument("--device", default="cuda:0", help="`cpu` tries this program out")
    parser.add_argument("--small", action="store_true", help="sizes that two cores compute within a minute")
    parser.add_argument("--seconds", type=float, default=480, help="what all parts may take together")
    parser.add_argument("--parts", type=parts, default=list(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--first", action="store_const", dest="parts", const=["first"],
                        help="the first contact alone, a minute: before the day, so that what is assumed wrongly can be mended")
    parser.add_argument("--threads", type=int, default=machine.CORES)
    parser.add_argument("--libtorch", type=pathlib.Path, default=os.environ.get("LIBTORCH"),
                        help="folder with lib/, if not where the programs were built against it [$LIBTORCH]")
    parser.add_argument("--scratch", type=pathlib.Path, help="folder on a disk with 24 GB, for models that are written "
                        "[default: where temporary files are]")
    parser.add_argument("--matrix-rate", type=float, help="of the device in float32, in multiply-adds per second, where this "
                        "Python has no torch to measure it")
    parser.add_argument("--bfloat16-rate", type=float, help="likewise in bfloat16")
    return parser.parse_args()


def parts(names):
    """In the order of their worth, whatever order they are named in."""
    if unknown := [name for name in names.split(",") if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"no part `{unknown[0]}`; there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in names.split(",")]


def main():
    args = parse()
    # As nvidia-smi counts cards; CUDA itself would begin with the fastest.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    facts = card.facts(args.device) if args.device != "cpu" else {"name": machine.cpu_name()}
    if facts is None:
        sys.exit(f"error: neither nvidia-smi nor the driver finds a GPU for {args.device}; run this where there is one, or try --device cpu --small")
    # So that what was started ends, when somebody ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(dir=args.scratch, prefix="gpu-day-") as scratch:
        with tempfile.TemporaryDirectory(dir=in_memory() or scratch, prefix="gpu-day-") as memory:
            if (programs := packed.unpacked(args.programs, pathlib.Path(scratch))) is None:
                sys.exit(f"error: there are no {' and '.join(packed.PROGRAMS)} in {args.programs}, nor packed ones")
            report = compute(args, facts, programs, pathlib.Path(scratch), pathlib.Path(memory))
    sys.exit(bool(report.failures()))


def compute(args, facts, programs, scratch, memory):
    """The whole day."""
    environment = {}
    if args.libtorch:
        paths = [str(pathlib.Path(args.libtorch).resolve() / "lib"), os.environ.get("LD_LIBRARY_PATH")]
        environment["LD_LIBRARY_PATH"] = ":".join(path for path in paths if path)
    libtorch = machine.libtorch_of(programs / "patchsweep-worker", environment)
    found = {**facts, "cpu": machine.cpu_name(), "cores": machine.CORES, "system": platform.platform(),
             "libtorch": libtorch and machine.version_of(libtorch), "python": platform.python_version(),
             "states of coordinators": str(memory.parent)}
    known = {"float32": args.matrix_rate, "bfloat16": args.bfloat16_rate}
    report = Report(args.out, {"device": args.device, "small": args.small, "machine": found, "rates": known})
    report.say(f"# A day on {facts['name']}\n")
    for name, value in found.items():
        report.say(f"- {name}: {value}")
    if args.small:
        report.say("- sizes are small: what follows says nothing of speed")
    day = Day(programs, args.device, args.small, args.seconds, args.threads, environment, libtorch, known, scratch, memory, report)
    try:
        for name in args.parts:
            module, seconds, least, title = PARTS[name]
            day.run(name, title, seconds, 1 if args.small else least, module.compute)
    finally:
        day.end_processes()
        report.save()
        report.summary()
    return report


def in_memory():
    """A folder that is memory, if there is one with room."""
    folder = "/dev/shm"
    return folder if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM else None


if __name__ == "__main__":
    main()
