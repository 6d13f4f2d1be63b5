"""A model of 8 billion parameters, with all weights on the card and streamed to it."""

import shutil

from gpu import card, models
from gpu.cluster import Cluster
from gpu.day import Skipped
from gpu.large import lay_out, loading, read
from gpu.memory import stream

# Bytes: of the weights, of the disk what stays free, and of the card what a sweep takes beside weights.
WEIGHTS, FREE, WORK = 17 << 30, 2 << 30, 8 << 30


def compute(day):
    if not day.small:
        find_room(day)
    home, size = lay_out(day, "eight", models.LLAMA_8B, 8, "resid_pre")
    reading = read(home / "llama/model.safetensors")
    spec = home / "resid_pre.toml"
    whole = Cluster(day, home)
    worker = whole.worker()
    first = whole.sweep(spec)
    loading(day, size, reading, first.loading)
    fits = whole.sweep(spec)
    day.figure("`resid_pre`: seconds of a sweep", fits.seconds, "s")
    day.rate("`resid_pre`", fits, "bfloat16", least=0.5)
    worker.kill()
    stream(day, spec, size, fits)


def find_room(day):
    if shutil.disk_usage(day.scratch).free < WEIGHTS + FREE:
        raise Skipped(f"there is no room for {WEIGHTS >> 30} GiB in {day.scratch}; --scratch names another folder")
    if day.on_card and (room := card.Driver(day).ask("memory")[0]) < WEIGHTS + WORK:
        raise Skipped(f"the card has {room >> 30} GiB of free memory only")
