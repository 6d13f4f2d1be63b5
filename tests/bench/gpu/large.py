"""A model of the size that people use. Llama's shape with 1.2 billion parameters, 32 prompts of 64 tokens, in bfloat16."""

import os
import time

from gpu import models, operators
from gpu.cluster import Cluster
from gpu.founding import describe
from grids import named
from workload import write_spec, write_tokens

LENGTH, POSITIONS = 64, 16


def lay_out(day, name, config, prompts, grids):
    """A model and sweeps of it, for this part and others. Gives the folder, and the bytes of the weights."""
    home = day.scratch / name
    if home.exists():
        return home, (home / "llama/model.safetensors").stat().st_size
    config = config | (models.SMALL_LLAMA if day.small else {})
    begin = time.monotonic()
    size = models.write(home / "llama", config, "bfloat16")
    day.note(f"a model of {size / 2:,.0f} numbers was written in {time.monotonic() - begin:.1f} s")
    write_tokens(home / "tokens.json", 2 if day.small else prompts, LENGTH, config["vocab_size"])
    for grid in named(grids):
        write_spec(home / f"{grid.name}.toml", grid, LENGTH, 4 if day.small else POSITIONS, "llama", "bfloat16")
    return home, size


def compute(day):
    home, size = lay_out(day, "large", models.LLAMA_1B, 32, "z,resid_pre")
    from_disk(day, home / "llama/model.safetensors")
    reading = read(home / "llama/model.safetensors")
    cluster = Cluster(day, home)
    worker = cluster.worker()
    for name in ("z", "resid_pre"):
        with day.piece(f"`{name}`"):
            first, before = cluster.sweep(home / f"{name}.toml"), worker.phases()
            run = cluster.sweep(home / f"{name}.toml")
            phases = {phase: seconds - before.get(phase, 0) for phase, seconds in worker.phases().items()}
            describe(day, name, first, run, phases, "bfloat16")
            if first.loading:
                loading(day, size, reading, first.loading)
            day.kept[name] = run
    day.end_processes()
    day.step(operators.by_operator, home, {name: home / f"{name}.toml" for name in ("z", "resid_pre")})


def loading(day, size, reading, seconds):
    """`reading`: seconds, with the file in memory, where it is when a worker loads it."""
    day.figure("reading the file from memory", reading, "s")
    day.figure("loading it, in bytes per second over those of reading it", reading / seconds, least=0.5, on_card=True)
    day.figure("loading it", size / seconds / 1e9, "GB/s")


def from_disk(day, file):
    """Figures of the disk. The system lets go of a file's pages only when they are written."""
    begin = time.monotonic()
    with open(file, "rb", buffering=0) as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    day.figure("writing the file to the disk, after it was written to memory", time.monotonic() - begin, "s")
    day.figure("reading the file from the disk", read(file), "s")


def read(file):
    """Seconds of reading it once; it is in memory then."""
    buffer, begin = bytearray(1 << 24), time.monotonic()
    with open(file, "rb", buffering=0) as opened:
        while opened.readinto(buffer):
            pass
    return time.monotonic() - begin
