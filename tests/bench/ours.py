"""patchsweep's side: one sweep by `patchsweep run`, timed. Standard library only.

A program that imports this must stay small: the kernel counts a program's memory at its start towards the peak of what it
starts.
"""

import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import npz

# Nothing but the line that says how long loading took.
LOG = "warn,patchsweep_worker::torch::engine=info"
LOADED = re.compile(r"model loaded .*\bseconds=([0-9.e-]+)")


@dataclass(frozen=True)
class Run:
    seconds: float  # from submission to the last score, loading included
    loading: float  # reading the weights; of several workers, all together
    computing: float  # what the workers were busy, less loading
    executed: int  # multiply-adds
    tiles: int
    calls: float  # of libtorch's operators, per tile; builds that do not count them have none
    peak: int  # bytes of the largest process
    grids: list  # of the manifest
    scores: dict  # tensors by name
    workers: list  # of the manifest

    @property
    def grid(self):
        """Of a spec with one."""
        (grid,) = self.grids
        return grid

    @property
    def cells(self):
        return sum(grid["cells"] for grid in self.grids)

    @property
    def value(self):
        """Mean metric of the patched runs, [iteration, axes..]."""
        return self.scores[f"{self.grid['name']}.value"]

    def score(self, iteration, cell):
        """Of a cell that is given by layer, position, head."""
        axes = self.grid["axes"][1:]
        return self.value.at(
            (iteration, *(self.grid["coordinates"][axis].index(place) for axis, place in zip(axes, cell, strict=True))))


def run(program, spec, *, workers=1, threads, device="cpu", environment=None):
    """Runs a spec; `threads` are shared out among the workers."""
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary)
        command = [program, "run", spec, "--out", out, "--device", device, "--workers", workers,
                   "--threads", max(1, threads // workers)]
        talk, peak = finish(command, {**os.environ, **(environment or {}), "PATCHSWEEP_LOG": LOG})
        return read(out, loading(talk), peak)


def loading(talk):
    """Seconds in which workers loaded models, of what they logged."""
    return sum(float(seconds) for seconds in LOADED.findall(talk))


def read(out, loading, peak=0):
    """A folder of results; `loading`: seconds of it."""
    manifest = json.loads((out / "manifest.json").read_text())
    done = manifest["run"]
    computing = sum(worker["busy_seconds"] for worker in done["workers"]) - loading
    tiles = manifest["tiles"]["count"]
    calls = sum(worker.get("libtorch_calls", 0) for worker in done["workers"]) / tiles
    return Run(done["seconds"], loading, computing, done["executed_multiply_adds"], tiles, calls, peak, manifest["grids"],
               npz.load(out / "scores.npz"), done["workers"])


def finish(command, environment):
    """What a command printed, and the bytes of its largest process. Ends this program if the command fails."""
    with tempfile.TemporaryFile("w+") as log:
        child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=log, env=environment)
        # Its usage holds that of its own children, the workers.
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        talk = log.read()
    if child.returncode:
        sys.exit(f"`{' '.join(child.args)}` ended with {child.returncode}:\n{talk.strip()}")
    return talk, usage.ru_maxrss * 1024


def median(runs):
    """The run with the median of the seconds; of an even number the slower one in the middle."""
    middle = statistics.median_high(run.seconds for run in runs)
    return next(run for run in runs if run.seconds == middle)


def largest_difference(pairs):
    """Between the scores of each pair; NaN if there is one, so that it cannot hide."""
    differences = [abs(one - other) for one, other in pairs]
    return math.nan if any(map(math.isnan, differences)) else max(differences)
