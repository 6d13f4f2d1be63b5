"""The founding sweeps. GPT-2 small's shape, 250 prompts of 8 tokens, three iterations, in float32."""

import json
import pathlib
import shutil
import subprocess
import sys

from gpu import models, operators
from gpu.cluster import Cluster
from grids import named
from workload import write_spec, write_tokens

PEER = pathlib.Path(__file__).resolve().parents[1] / "peer.py"
LENGTH, RUNS = 8, 3
# Over TransformerLens' seconds on the same device.
WANTED = {"resid_pre": 30, "z": 10}


def lay_out(day, name="founding", prompts=250, small=12, grids="resid_pre,z"):
    """A folder with the model, and sweeps over so many prompts, for this part and others; gives the specs by grid."""
    home = day.scratch / name
    if not home.exists():
        config = models.GPT2 | (models.SMALL_GPT2 if day.small else {})
        models.write(home / "gpt2", config, "float32")
        write_tokens(home / "tokens.json", small if day.small else prompts, LENGTH, config["vocab_size"])
    for grid in named(grids):
        write_spec(home / f"{grid.name}.toml", grid, LENGTH, model="gpt2")
    return {grid.name: home / f"{grid.name}.toml" for grid in named(grids)}


def compute(day):
    specs = lay_out(day)
    cluster = Cluster(day, day.scratch / "founding")
    worker = cluster.worker()
    best = {}
    for name, spec in specs.items():
        with day.piece(f"`{name}`"):
            best[name] = fastest(day, cluster, worker, name, spec)
    if best.keys() == specs.keys():
        day.figure("both sweeps: computing", sum(run.computing for run in best.values()), "s", most=1.0, on_card=True)
    day.step(operators.by_operator, day.scratch / "founding", {name: specs[name] for name in best})
    day.step(peers, {name: specs[name] for name in best}, best)
    day.step(profile, {name: specs[name] for name in best}, best)


def fastest(day, cluster, worker, name, spec):
    """Of runs behind the first one."""
    first = cluster.sweep(spec)
    before = worker.phases()
    best = min((cluster.sweep(spec) for _ in range(RUNS)), key=lambda run: run.computing)
    phases = {phase: (seconds - before.get(phase, 0)) / RUNS for phase, seconds in worker.phases().items()}
    describe(day, name, first, best, phases)
    return best


def describe(day, name, first, run, phases, dtype="float32"):
    """Figures of a sweep that was run for the first time, and again."""
    day.figure(f"`{name}`: seconds of the first sweep, loading included", first.seconds, "s")
    day.figure(f"`{name}`: loading", first.loading, "s")
    day.figure(f"`{name}`: computing of the first sweep", first.computing, "s")
    day.figure(f"`{name}`: seconds of the best one after it", run.seconds, "s")
    day.figure(f"`{name}`: computing", run.computing, "s")
    day.figure(f"`{name}`: executed", run.executed, "multiply-adds")
    day.figure(f"`{name}`: executed per second of computing", run.executed / run.computing, "multiply-adds/s")
    day.rate(f"`{name}`", run, dtype, least=0.5)
    day.figure(f"`{name}`: libtorch calls for a tile", run.calls)
    for phase, seconds in sorted(phases.items()):
        if seconds > 0:
            day.figure(f"`{name}`: phase `{phase}`", seconds, "s")


def peers(day, specs, best):
    """TransformerLens on the same device, where this Python has it."""
    asked = subprocess.run([sys.executable, "-c", "import transformer_lens, transformers, pandas"], capture_output=True)
    if asked.returncode:
        day.note("TransformerLens: this Python does not have it")
        return
    for name, spec in specs.items():
        home = day.scratch / f"peer-{name}"
        home.mkdir()
        (home / "spec.toml").write_text(spec.read_text())
        for shared in ("tokens.json", "gpt2"):
            (home / shared).symlink_to(spec.parent / shared)
        done = subprocess.run([sys.executable, PEER, home / "spec.toml", "4", str(day.threads), day.device],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"peer.py: {done.stderr.strip()[-500:]}")
        peer = json.loads(done.stdout.splitlines()[-1])
        day.figure(f"`{name}`: TransformerLens' seconds", peer["seconds"], "s")
        day.figure(f"`{name}`: TransformerLens' seconds over ours", peer["seconds"] / best[name].seconds, "x",
                   least=WANTED[name], on_card=True)
        apart = max(abs(score - best[name].score(iteration, cell)) for iteration, *cell, score in peer["scores"])
        day.figure(f"`{name}`: largest difference to TransformerLens", apart, most=1e-3)


def profile(day, specs, best):
    """Kernels' times by NVIDIA's profiler, which keeps its file beside the figures."""
    if not day.on_card:
        day.note("nsys: not on cpu")
        return
    if not shutil.which("nsys"):
        day.note("nsys is not here; the tables above are of a worker that waits for each operator")
        return
    file = day.report.out / "founding"
    cluster = Cluster(day, day.scratch / "founding")
    worker = cluster.worker("--leave-when-idle", "3s", around=(
        "nsys", "profile", "--trace", "cuda,cublas", "--force-overwrite", "true", "--output", file))
    for spec in specs.values():
        cluster.sweep(spec)
    worker.process.wait()
    stats = subprocess.run(["nsys", "stats", "--report", "cuda_gpu_kern_sum", "--format", "csv", f"{file}.nsys-rep"],
                           capture_output=True, text=True)
    (day.report.out / "kernels.csv").write_text(stats.stdout)
    file.with_suffix(".sqlite").unlink(missing_ok=True)
    rows = [line.split(",") for line in stats.stdout.splitlines() if line[:1].isdigit()]
    kernels = sum(float(row[1]) for row in rows) / 1e9
    day.figure("kernels of both sweeps (kernels.csv; founding.nsys-rep shows the gaps)", kernels, "s")
    day.figure("kernels over the seconds of computing without the profiler", kernels / sum(run.computing for run in best.values()))
