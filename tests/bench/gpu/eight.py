"""Part 6: a model of 8 billion parameters, with all weights on the card and streamed to it."""

import shutil

from gpu import card, models
from gpu.cluster import Cluster
from gpu.large import lay_out, loading, read_once
from gpu.right import largest

# What the system keeps for others, of disk and of memory.
SPARE = 2 << 30
# Rows of a batch from which on a block that comes again shall cost next to nothing.
ROWS = 16_384


def compute(day):
    needs = 17 << 30
    if not day.small and shutil.disk_usage(day.scratch).free < needs + SPARE:
        day.note(f"there is no room for {needs >> 30} GiB in {day.scratch}; --scratch names another folder")
        return
    if day.on_card and (room := int(card.asked(day.device, ["memory.total"])[0]) << 20) < needs + (8 << 30):
        day.note(f"the card has {room >> 30} GiB only")
        return
    home, size = lay_out(day, "eight", models.LLAMA_8B, 8, "resid_pre")
    disk = read_once(home / "llama/model.safetensors")
    spec = home / "resid_pre.toml"
    whole = Cluster(day, home)
    worker = whole.worker()
    first = whole.sweep(spec)
    loading(day, size, disk, first.loading)
    fits = whole.sweep(spec)
    day.figure("`resid_pre`: seconds of a sweep", fits.seconds, "s")
    of, rate = day.rates.get("bfloat16"), fits.executed / fits.computing
    day.figure("`resid_pre`: share of the bfloat16 matrix rate", rate / of if of else None, least=0.5, speed=True)
    worker.kill()
    stream(day, home, spec, size, fits)


def stream(day, home, spec, size, fits):
    """The same sweep with a budget that the weights alone are more than."""
    cluster = Cluster(day, home)
    cluster.worker("--memory-budget", size * 96 // 100)
    cluster.sweep(spec)
    run = cluster.sweep(spec)
    (streamed,) = {worker["streamed_bytes"] for worker in run.workers}
    # Each row takes a multiply-add with each number of a block.
    rows = run.executed / (streamed / 2) if streamed else 0
    day.figure("streamed", streamed / 1e9, "GB", least=size / 2e9)
    day.figure("rows to a block, about", rows)
    day.figure("computing of streamed weights over that of weights which stay", run.computing / fits.computing, "x",
               most=1.2 if rows >= ROWS else None, speed=True)
    day.figure("executed of it over that of weights which stay", run.executed / fits.executed, "x")
    day.figure("largest difference between the two", largest(fits.scores, run.scores), most=0.5)
