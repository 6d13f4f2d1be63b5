"""Part 6: a model of 8 billion parameters, with all weights on the card and streamed to it."""

import shutil

from gpu import card, models
from gpu.cluster import Cluster
from gpu.large import lay_out, loading, read_once
from gpu.memory import stream

# What the system keeps for others, of disk and of memory.
SPARE = 2 << 30


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
    day.rate("`resid_pre`", fits, "bfloat16", least=0.5)
    worker.kill()
    stream(day, spec, size, fits)
