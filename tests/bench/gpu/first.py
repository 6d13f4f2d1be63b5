"""The first contact, within a minute: does the device open, is one tiny case right, how long does a tile take? What is assumed
wrongly of a machine shows here, before a day is spent on it; and libtorch's libraries, some gigabytes, are in memory afterwards."""

import time

from gpu.cluster import Cluster
from gpu.founding import lay_out
from gpu.right import FLOAT32, REFERENCE, copy, largest
from gpu.worker import said

CASE = "tiny"


def compute(day):
    models = day.scratch / "first"
    copy(REFERENCE / CASE, models / CASE, (REFERENCE / CASE / "spec.toml").read_text())
    case, wide = models / CASE / "float32.toml", day.scratch / "width"
    cluster = Cluster(day, models, wide)
    begin = time.monotonic()
    worker = cluster.worker()
    day.figure("seconds until a worker has opened the device", time.monotonic() - begin, "s")
    day.note(said(worker.process, worker.log, "worker started.*"))
    first = cluster.sweep(case)
    day.figure(f"`{CASE}`: seconds of the first sweep", first.seconds, "s")
    cpu = Cluster(day, models)
    cpu.worker(device="cpu")
    day.figure(f"`{CASE}`: largest difference to the CPU", largest(cpu.sweep(case).scores, first.scores), most=FLOAT32)
    tile(day, f"`{CASE}`", cluster.sweep(case))
    spec = lay_out(day, wide.name, 16, 2)["resid_pre"]
    day.figure("GPT-2 small's shape: loading", cluster.sweep(spec).loading, "s")
    tile(day, "GPT-2 small's shape, 16 prompts, `resid_pre`", cluster.sweep(spec))


def tile(day, what, run):
    day.figure(f"{what}: computing of a tile, the device being warm", run.computing / run.tiles, "s")
    day.figure(f"{what}: libtorch calls for a tile", run.calls)
