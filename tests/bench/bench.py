"""TransformerLens and patchsweep in turn: same machine, threads and weights.

    python bench.py PATCHSWEEP [--grids resid_pre,z] [--prompts 50] [--length 8] [--layers 12] [--sample 8] [--workers 1]

TransformerLens runs a random sample of each grid's cells in each iteration; its seconds are those of the sample times
cells / sample. patchsweep runs whole grids; its seconds are from submission to the last score, loading included.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

from grids import GRIDS
from workload import write_model, write_spec, write_tokens

HERE = pathlib.Path(__file__).resolve().parent


def run_peer(folder, grid, args):
    command = [sys.executable, HERE / "peer.py", folder, grid.name, args.sample, args.threads, args.length]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_ours(folder, grid, args):
    write_spec(folder / "spec.toml", grid, args.length)
    out = folder / f"results-{grid.name}"
    command = [args.patchsweep, "run", folder / "spec.toml", "--out", out, "--workers", args.workers,
               "--threads", args.threads // args.workers]
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Its usage holds that of its own children, the workers; the largest single process is the peak.
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"patchsweep failed on {grid.name}")
    manifest = json.loads((out / "manifest.json").read_text())
    planned = manifest["tiles"]["multiply_adds"]
    return np.load(out / "scores.npz"), manifest["run"]["seconds"], usage.ru_maxrss * 1024, planned


def matmul_rate(threads):
    """The machine's multiply-adds per second on a large float32 matrix product: the best of several tries."""
    torch.set_num_threads(threads)
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)

    def seconds():
        start = time.perf_counter()
        torch.mm(a, b)
        return time.perf_counter() - start

    return 2048**3 / min(seconds() for _ in range(20))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("patchsweep", type=pathlib.Path)
    parser.add_argument("--grids", default=",".join(grid.name for grid in GRIDS))
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--length", type=int, default=8)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--sample", type=int, default=8, help="cells per grid and iteration that TransformerLens runs")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    args.patchsweep = args.patchsweep.resolve()

    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    rate = matmul_rate(args.threads)
    print(f"{cpu[1] if cpu else 'cpu'}, {args.threads} threads, {args.workers} workers; matrix product "
          f"{rate / 1e9:.0f} G multiply-adds/s")
    print(f"{args.layers} layers, {args.prompts} prompts of {args.length} tokens, 3 iterations\n")
    print(f"{'grid':14} {'cells':>6} {'TL s':>8} {'ours s':>7} {'ratio':>6} {'of rate':>7} {'TL GiB':>6} {'ours GiB':>8} "
          f"{'largest difference':>18}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        write_model(folder / "model", args.layers)
        write_tokens(folder / "tokens.json", args.prompts, args.length)
        for grid in (grid for grid in GRIDS if grid.name in args.grids.split(",")):
            peer = run_peer(folder, grid, args)
            scores, seconds, peak, planned = run_ours(folder, grid, args)
            value = scores[f"{grid.name}.value"]
            difference = max(abs(value[tuple(cell)] - theirs) for *cell, theirs in peer["scores"])
            print(f"{grid.name:14} {peer['cells']:6} {peer['seconds']:8.1f} {seconds:7.2f} {peer['seconds'] / seconds:5.1f}x "
                  f"{planned / seconds / rate:6.0%} {peer['peak'] / 2**30:7.2f} {peak / 2**30:8.2f} {difference:18.1e}", flush=True)


if __name__ == "__main__":
    main()
