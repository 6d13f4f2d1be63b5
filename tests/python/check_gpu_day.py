"""Tries out `make gpu-day` without a GPU: python check_gpu_day.py PROGRAMS STAND_IN

STAND_IN is the folder of libraries that tests/stand-in-gpu/build.sh makes: a `cuda:0` that computes on the CPU, refuses tensors of
different devices, has memory of its own and counts what waits for it. Every part must run, with the figures that it is there for,
and every one that such a card can be judged by must be as wanted. That card has no kernel for an operator of one case, which must
fail alone. The first contact must come to the same with packed programs and without nvidia-smi; a day without seconds must say of each
part why it did not run.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import stand_in

GPU_DAY = pathlib.Path(__file__).resolve().parents[1] / "bench/gpu_day.py"

# Of each part: figures, each with what is known of it on any machine, and notes of what only a GPU can show.
FIRST = {"opened the device": lambda value: value > 0, "`tiny`: largest difference": lambda value: value <= 1e-4,
         "`tiny`: computing of a tile": lambda value: value > 0, "16 prompts, `resid_pre`: computing of a tile": lambda value: value > 0}
FIGURES = {
    "first": FIRST,
    "right": {r"float32: largest difference of 5 cases": lambda value: value <= 1e-4,
              "cases whose scores differ in a bit": lambda value: value == 0,
              r"float32: largest difference of `check`": lambda value: 0 < value <= 1e-4,
              "bfloat16: largest difference": lambda value: 0 < value <= 3,
              "float16: largest difference": lambda value: 0 < value <= 0.4,
              "tf32: largest difference": lambda value: value <= 0.4,
              "float32 at full width, `pattern_by_dest`": lambda value: value <= 1e-4},
    "rates": {"float32, as given": lambda value: value == 5e10, "bfloat16, as given": lambda value: value == 1e10},
    "founding": {f"`{grid}`: {what}": lambda value: value > 0 for grid in ("resid_pre", "z") for what in (
        "seconds of the first", "computing$", "executed$", "share of the float32", "libtorch calls", "phase `patched`")}
                | {f"`{grid}`, patched {grid}: of these in operators": lambda value: 0 < value < 1 for grid in ("resid_pre", "z")}
                | {"both sweeps: computing": lambda value: value > 0},
    "large": {"loading it$": lambda value: value > 0, "reading the file from memory": lambda value: value > 0,
              "reading the file from the disk": lambda value: value > 0, "`z`, patched z: of these in operators": lambda value: 0 < value < 1,
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
NOTES = {"first": ["worker started"], "founding": ["TransformerLens", "nsys"],
         "faults": ["a device that is taken: the sweep is computed", "no driver: `error: cannot use `cuda:0`"]}


# On a machine that has much else to do.
SLOW = ("--seconds", "3600")
# No other model of a small day has it.
LACKED, ITS_CASE = "aten::relu_", "relu-half"


def main():
    programs, libraries = (pathlib.Path(path).resolve() for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        wrong = list(check(programs, libraries, pathlib.Path(folder)))
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"check_gpu_day: {len(FIGURES)} parts ran")


def check(programs, libraries, folder):
    """What is wrong."""
    whole = Day(programs, libraries, folder / "whole", *SLOW, "--matrix-rate", "5e10", "--bfloat16-rate", "1e10",
                STAND_IN_GPU_LACKS=LACKED)
    yield from whole.missing(FIGURES, NOTES)
    yield from whole.unless_only_case_failed()
    first = Day(packed(programs, folder / "packed"), libraries, folder / "first", *SLOW, "--first", STAND_IN_NVIDIA_SMI="nothing")
    yield from first.missing({"first": FIRST}, {})
    if first.code or first.document["machine"]["name"] != "a stand-in by its driver":
        yield f"the first contact ended with {first.code}: {first.said}"
    none = Day(programs, libraries, folder / "none", "--seconds", "0", STAND_IN_NVIDIA_SMI="name")
    if none.code or [part["outcome"] for part in none.document["parts"]] != ["not run"] * len(FIGURES) or "no time" not in none.said:
        yield f"a day without seconds is not one of parts that do not run: {none.said}"
    blind = Day(programs, libraries, folder / "blind", CUDA_VISIBLE_DEVICES="", STAND_IN_NVIDIA_SMI="nothing")
    if blind.code != 1 or "neither nvidia-smi nor the driver finds a GPU for cuda:0" not in blind.said:
        yield f"without a GPU it ends with {blind.code}: {blind.said}"


def packed(programs, folder):
    subprocess.run([sys.executable, GPU_DAY.with_name("gpu_pack.py"), programs, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


class Day:
    """A small one: what it said, and what it left."""

    def __init__(self, programs, libraries, out, *options, **environment):
        done = subprocess.run([sys.executable, GPU_DAY, programs, "--out", out, "--small", *options],
                              env=stand_in.environment(libraries, f"{out}.cards") | environment, capture_output=True, text=True)
        self.code, self.said, self.out = done.returncode, done.stdout + done.stderr, out
        document = out / "gpu-day.json"
        self.document = json.loads(document.read_text()) if document.exists() else None
        self.parts = {part["name"]: part for part in self.document["parts"]} if self.document else {}

    def missing(self, figures, notes):
        if self.parts.keys() != figures.keys():
            yield f"the parts are {', '.join(self.parts)}: {self.said}"
        for name in self.parts.keys() & figures.keys():
            yield from missing(self.parts[name], figures[name], notes.get(name, []))

    def unless_only_case_failed(self):
        """The others have their figures, the reason is written down, and so are the logs."""
        outcomes = {name: part["outcome"] for name, part in self.parts.items()}
        if self.code != 1 or outcomes != {name: "failed" if name == "right" else "ran" for name in FIGURES}:
            yield f"the parts {outcomes}, with {self.code}: {self.said}"
        why, logs = self.parts["right"]["why"] or "", self.out / "logs.txt"
        if set(re.findall(r"(\S+): Failed", why)) != {ITS_CASE} or f"{LACKED} is not implemented" not in why:
            yield f"right failed for another reason: {why}"
        if not logs.exists() or f"{LACKED} is not implemented" not in logs.read_text():
            yield "the worker's log is not kept"
        if (self.out / "gpu-day.md").read_text() not in self.said or not self.said.rstrip().splitlines()[-1].startswith("| eight | ran |"):
            yield f"what is said is not what is kept, or does not end with the table of parts: {self.said}"
        if len(files := list(self.out.iterdir())) > 8:
            yield f"there are {len(files)} files"


def missing(part, figures, notes):
    name = part["name"]
    for what, holds in figures.items():
        found = [figure for figure in part["figures"] if re.search(what, figure["what"])]
        if not found:
            yield f"{name} ({part['outcome']}: {part['why']}) has no figure `{what}`"
        yield from (f"{name}: {figure['what']} is {figure['value']}" for figure in found if not holds(figure["value"]))
        yield from (f"{name}: {figure['what']} is not as wanted" for figure in found if figure["holds"] is False)
    yield from (f"{name} has no note `{note}`" for note in notes if not any(text.startswith(note) for text in part["notes"]))


if __name__ == "__main__":
    main()
