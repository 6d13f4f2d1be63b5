"""Faults. A worker that is killed, a device that is taken, no driver, the wrong libtorch."""

import subprocess

from gpu import card
from gpu.cluster import Cluster
from gpu.founding import lay_out
from gpu.memory import SAME
from gpu.right import largest
from gpu.worker import Failed, said

# What a device takes besides a worker, so that there is no room for one.
NEXT_TO_NOTHING = 64 << 20


def compute(day):
    day.step(killed, lay_out(day, "many", 1000, 1000)["z"])
    day.step(taken)
    day.step(refused, "no driver", {"CUDA_VISIBLE_DEVICES": ""}, 2)
    day.step(refused, "libtorch without its CUDA part", broken(day, "libtorch_cuda.so"), 2)
    # The dynamic loader's own code: the program does not begin.
    day.step(refused, "a libtorch that is none", broken(day, "libtorch_cpu.so"), 127)


def killed(day, spec):
    cluster = Cluster(day, spec.parent)
    sweep = cluster.submit(spec)
    worker = cluster.worker()
    # The first tile is in hand: loading is a part of it.
    said(worker.process, worker.log, "model loaded")
    worker.kill()
    (done,) = cluster.status(sweep)
    day.figure("kill -9: tiles done before", done["tiles_done"])
    day.figure("kill -9: tiles missing then", done["tiles_total"] - done["tiles_done"], least=1)
    cluster.worker()
    run = cluster.runs({"kill -9": sweep})["kill -9"]
    whole = cluster.sweep(spec)
    day.figure("kill -9: largest difference to the sweep without it", largest(whole.scores, run.scores), most=SAME)


def taken(day):
    if not day.on_card:
        day.note("a device that is taken: not on cpu")
        return
    card.Driver(day).ask(f"leave {NEXT_TO_NOTHING}")
    spec = lay_out(day)["resid_pre"]
    cluster = Cluster(day, spec.parent)
    try:
        cluster.worker()
        cluster.sweep(spec)
        day.note("a device that is taken: the sweep is computed all the same")
    except Failed as message:
        day.note(f"a device that is taken: {message}")


def refused(day, what, environment, code):
    """How a worker ends, and what it says."""
    worker = day.start([day.programs / "patchsweep-worker", "--coordinator", "http://127.0.0.1:1", "--device",
                        day.device if day.on_card else "cuda:0"],
                       environment=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True)
    try:
        said_last = worker.communicate(timeout=30)[1].strip().splitlines()[-1]
    except subprocess.TimeoutExpired:
        raise Failed(f"{what}: the worker starts all the same") from None
    day.figure(f"{what}: exit code", worker.returncode, equal=code)
    day.note(f"{what}: `{said_last}`")


def broken(day, name):
    """The environment of a program that finds an empty file for one of libtorch's."""
    folder = day.scratch / name.removesuffix(".so")
    folder.mkdir()
    (folder / name).touch()
    return {"LD_LIBRARY_PATH": f"{folder}:{day.environment.get('LD_LIBRARY_PATH', '')}"}
