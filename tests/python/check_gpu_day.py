"""Tries out `make gpu-day` without a GPU: python check_gpu_day.py PROGRAMS STAND_IN

STAND_IN is the folder of libraries that tests/stand-in-gpu/build.sh makes: a `cuda:0` that computes on the CPU, refuses tensors of
different devices, has memory of its own and counts what waits for it. Every part must run, with the figures that it is there for,
and every one that such a card can be judged by must be as wanted; a day without seconds must say of each part why it did not run.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import stand_in

GPU_DAY = pathlib.Path(__file__).resolve().parents[1] / "bench/gpu_day.py"

# Of each part: figures, each with what is known of it on any machine, and notes of what only a GPU can show.
FIGURES = {
    "right": {r"float32: largest difference of \d+ cases": lambda value: value <= 1e-4,
              "cases whose scores differ in a bit": lambda value: value == 0,
              r"float32: largest difference of `check`": lambda value: 0 < value <= 1e-4,
              "bfloat16: largest difference": lambda value: 0 < value <= 3,
              "float16: largest difference": lambda value: 0 < value <= 0.4,
              "tf32: largest difference": lambda value: value <= 0.4,
              "float32 at full width, `pattern_by_dest`": lambda value: value <= 1e-4},
    "founding": {f"`{grid}`: {what}": lambda value: value > 0 for grid in ("resid_pre", "z") for what in (
        "seconds of the first", "computing$", "executed$", "share of the float32", "libtorch calls", "phase `patched`")}
                | {"both sweeps: computing": lambda value: value > 0},
    "large": {"loading it$": lambda value: value > 0, "reading the file": lambda value: value > 0,
              "`z`: share of the bfloat16": lambda value: value > 0, "`resid_pre`: computing$": lambda value: value > 0},
    "memory": {"over the budget": lambda value: value > 0, "workers that computed": lambda value: value == 2,
               "running out of memory: batches": lambda value: value >= 1,
               "running out of memory: largest difference": lambda value: value <= 1e-5,
               "streaming: bytes": lambda value: value > 0, "streaming: computing": lambda value: value > 0},
    "faults": {"kill -9: tiles missing": lambda value: value >= 1,
               "kill -9: largest difference": lambda value: value <= 1e-5, "no driver: exit code": lambda value: value == 2,
               "a libtorch that is none: exit code": lambda value: value == 127},
    "eight": {"loading it$": lambda value: value > 0, "seconds of a sweep": lambda value: value > 0,
              "streaming: rows": lambda value: value > 0},
}
NOTES = {"founding": ["TransformerLens", "nsys"],
         "faults": ["a device that is taken: the sweep is computed", "no driver: `error: cannot use `cuda:0`"]}


def main():
    programs, libraries = (pathlib.Path(path).resolve() for path in sys.argv[1:])
    whole, document = day(programs, libraries, "--matrix-rate", "5e10", "--bfloat16-rate", "1e10")
    if whole.returncode:
        sys.exit(f"gpu_day.py ended with {whole.returncode}:\n{whole.stdout}{whole.stderr}")
    wrong = list(missing(document))
    wrong += [f"`{part['title']}` is not in the Markdown" for part in document["parts"] if part["title"] not in whole.stdout]
    none, document = day(programs, libraries, "--seconds", "0", "--matrix-rate", "1", "--bfloat16-rate", "1")
    if none.returncode or {part["outcome"] for part in document["parts"]} != {"skipped"}:
        wrong.append(f"a day without seconds is not one of skipped parts:\n{none.stdout}{none.stderr}")
    if not shutil.which("nvidia-smi"):
        blind = subprocess.run([sys.executable, GPU_DAY, programs, "--out", "/nowhere"], capture_output=True, text=True)
        if blind.returncode != 1 or "neither nvidia-smi nor the driver finds a GPU for cuda:0" not in blind.stderr:
            wrong.append(f"without a GPU it ends with {blind.returncode}: {blind.stderr}")
    if wrong:
        sys.exit("\n".join([whole.stdout, *wrong]))
    print(f"check_gpu_day: {len(FIGURES)} parts ran")


def day(programs, libraries, *options):
    """What a small day printed, and its JSON."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([sys.executable, GPU_DAY, programs, "--out", out, "--small", *options],
                              env=stand_in.environment(libraries, f"{out}/cards"), capture_output=True, text=True)
        written = pathlib.Path(out) / "gpu-day.json"
        if not written.exists():
            sys.exit(f"gpu_day.py ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done, json.loads(written.read_text())


def missing(document):
    parts = {part["name"]: part for part in document["parts"]}
    if parts.keys() != FIGURES.keys():
        yield f"the parts are {', '.join(parts)}"
    for name, figures in FIGURES.items():
        part = parts[name]
        if part["outcome"] != "ran":
            yield f"{name} {part['outcome']}: {part['why']}"
        for what, holds in figures.items():
            found = [figure for figure in part["figures"] if re.search(what, figure["what"])]
            if not found:
                yield f"{name} has no figure `{what}`"
            yield from (f"{name}: {figure['what']} is {figure['value']}" for figure in found if not holds(figure["value"]))
        yield from (f"{name} has no note `{note}`" for note in NOTES.get(name, [])
                    if not any(text.startswith(note) for text in part["notes"]))


if __name__ == "__main__":
    main()
