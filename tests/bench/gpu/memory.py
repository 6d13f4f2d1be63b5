"""Memory. Budgets against what the driver counts, two workers on one card, running out, weights that do not fit."""

from gpu import card, models
from gpu.cluster import Cluster
from gpu.founding import LENGTH, lay_out
from gpu.large import lay_out as large
from gpu.right import largest
from grids import named
from workload import write_spec, write_tokens

# Rows of a batch from which on a block that comes again shall cost next to nothing.
ROWS = 16_384
# Float32 in other batches: a device may take other kernels for them.
SAME = 1e-4
GIB = 1 << 30


def compute(day):
    specs = lay_out(day, "many", 1000, 1000)
    whole = day.step(budget, specs["z"])
    if whole:
        day.step(two, specs["z"], whole)
    day.step(run_out, specs["resid_pre"])
    day.step(large_streams)


def budget(day, spec):
    """Gives the run."""
    given = (64 << 20) if day.small else 2 * GIB
    idle = warmed(day)
    cluster = Cluster(day, spec.parent)
    worker = cluster.worker("--memory-budget", given)
    with card.Taken(day, worker) as taken:
        whole = cluster.sweep(spec)
    worker.kill()
    day.figure("the budget", given / 1e6, "MB")
    day.figure("a worker with next to no model, by the driver's count", idle / 1e6, "MB")
    day.figure("most of a worker with that budget, by the driver's count", taken.most / 1e6, "MB")
    day.figure("what is beyond a worker with next to no model, over the budget", (taken.most - idle) / given,
               most=1.05, on_card=True)
    return whole


def warmed(day):
    """The most that a worker takes whose model, and whose sweep, are next to nothing."""
    folder = day.scratch / "warm"
    models.write(folder / "gpt2", models.GPT2 | models.SMALL_GPT2, "float32")
    write_tokens(folder / "tokens.json", 1, LENGTH, models.SMALL_GPT2["vocab_size"])
    write_spec(folder / "resid_pre.toml", *named("resid_pre"), LENGTH, model="gpt2")
    cluster = Cluster(day, folder)
    worker = cluster.worker("--memory-budget", 64 << 20)
    with card.Taken(day, worker) as taken:
        cluster.sweep(folder / "resid_pre.toml")
    worker.kill()
    return taken.most


def two(day, spec, whole):
    cluster = Cluster(day, spec.parent)
    workers = [cluster.worker("--sharing", 2) for _ in range(2)]
    with card.Taken(day, *workers) as taken:
        run = cluster.sweep(spec, "--tile-multiply-adds", max(1, whole.executed // 64))
    day.figure("two workers with `--sharing 2`: workers that computed", len(run.workers), equal=2)
    day.figure("two workers with `--sharing 2`: most of both, by the driver's count", taken.most / 1e6, "MB")
    day.figure("two workers with `--sharing 2`: batches that did not fit", retries(run), equal=0)
    day.figure("two workers with `--sharing 2`: largest difference to one", largest(whole.scores, run.scores), most=SAME)
    day.figure("two workers with `--sharing 2`: seconds over those of one", run.seconds / whole.seconds, "x")


def run_out(day, spec):
    """A worker that believes in more memory than there is."""
    all_prompts = ("--tile-prompts", 1000)
    modest = Cluster(day, spec.parent)
    worker = modest.worker("--memory-budget", (64 << 20) if day.small else 4 * GIB)
    plenty = modest.sweep(spec, *all_prompts)
    needed = worker.memory("VmPeak")
    worker.kill()
    cluster = Cluster(day, spec.parent)
    if day.on_card:
        worker = cluster.worker()
        # The weights, CUDA's own, and then less than one batch.
        card.Driver(day).ask(f"leave {(16 << 20) if day.small else 2 * GIB}")
    else:
        worker = cluster.worker("--memory-budget", 64 * GIB, address_space=needed + (16 << 20))
    cramped = cluster.sweep(spec, *all_prompts)
    day.figure("running out of memory: batches that did not fit and were halved", retries(cramped), least=1)
    day.figure("running out of memory: largest difference", largest(plenty.scores, cramped.scores), most=SAME)


def retries(run):
    return sum(worker["memory_retries"] for worker in run.workers)


def large_streams(day):
    home, size = large(day, "large", models.LLAMA_1B, 32, "z,resid_pre")
    spec = home / "resid_pre.toml"
    stream(day, spec, size, day.kept.get("resid_pre") or in_memory(day, spec))


def in_memory(day, spec):
    """The sweep with all weights on the device."""
    cluster = Cluster(day, spec.parent)
    worker = cluster.worker()
    cluster.sweep(spec)
    run = cluster.sweep(spec)
    worker.kill()
    return run


def stream(day, spec, size, fits):
    """The sweep `fits` again, with a budget that the weights alone are more than."""
    cluster = Cluster(day, spec.parent)
    worker = cluster.worker("--memory-budget", size * 96 // 100)
    cluster.sweep(spec)
    run = cluster.sweep(spec)
    worker.kill()
    streamed = sum(worker["streamed_bytes"] for worker in run.workers)
    # Each row takes a multiply-add with each number of a block.
    rows = run.executed / (streamed / 2) if streamed else 0
    day.figure("streaming: bytes that came to the device", streamed / 1e9, "GB", least=size / 2e9)
    day.figure("streaming: rows to a block, about", rows)
    day.figure("streaming: computing, over that of weights which stay", run.computing / fits.computing, "x",
               most=1.2 if rows >= ROWS else None, on_card=True)
    day.figure("streaming: executed, over that of weights which stay", run.executed / fits.executed, "x")
    day.figure("streaming: largest difference in bfloat16", largest(fits.scores, run.scores), most=0.5)
