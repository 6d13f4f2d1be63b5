"""What loading a model takes, beside reading and hashing its files: seconds and memory.

    python loading.py PATCHSWEEP [--layers 30] [--runs 5]

The model is of GPT-2 small's width with random float32 weights; 30 layers are 1 GB. In turn: `blake3` reads and hashes the file,
on one thread and on all, as b3sum does; then patchsweep runs a sweep of one cell of it. Medians. Memory is the peak of that
sweep's largest process, less that of the same sweep of a model of one layer of width 8 and less the weights themselves.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import machine
import options
import ours
from workload import make_model

SPEC = """schema = 1
name = "loading"
[model]
path = "model"
[dataset]
tokens = "tokens.json"
[[metric]]
kind = "logit_diff"
[[iteration]]
read = 3
[[grid]]
component = "resid_pre"
axes = ["layer", "pos"]
layers = [0]
positions = [1]
"""
HASH = """import blake3, sys, time
begin = time.perf_counter()
blake3.blake3(max_threads=int(sys.argv[2])).update_mmap(sys.argv[1]).digest()
print(time.perf_counter() - begin)"""
TOKENS = {"clean": [[1, 2, 3, 4]], "corrupted": [[[1, 5, 3, 4]]], "answers": [[6]], "wrong": [[7]]}


def main():
    parser = options.program(layers=30)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        large, small = (make(pathlib.Path(temporary) / name, *sizes)
                        for name, sizes in [("large", [args.layers]), ("small", [1, "tiny"])])
        weights = large / "model/model.safetensors"
        taken = {"hash, 1 thread": [], f"hash, {args.threads} threads": [], "loading": []}
        peaks = {large: [], small: []}
        for _ in range(args.runs):
            taken["hash, 1 thread"].append(hashed(weights, 1))
            taken[f"hash, {args.threads} threads"].append(hashed(weights, args.threads))
            for folder, seen in peaks.items():
                run = ours.run(args.patchsweep, folder / "spec.toml", threads=args.threads)
                seen.append(run.peak)
                if folder == large:
                    taken["loading"].append(run.loading)
        bytes_of = weights.stat().st_size
    print(f"{machine.cpu_name()}, {args.threads} threads, medians of {args.runs} runs; weights of {bytes_of / 2**20:.0f} MiB")
    middle = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, seconds in middle.items():
        print(f"{name}: {seconds:.2f} s; loading over it {middle['loading'] / seconds:.2f}x")
    beside = statistics.median(peaks[large]) - statistics.median(peaks[small]) - bytes_of
    print(f"memory beside the weights: {beside / 2**20:.0f} MiB")


def make(folder, layers, kind="gpt2"):
    """A folder with a model and a sweep of one cell."""
    make_model(folder / "model", layers, kind)
    (folder / "spec.toml").write_text(SPEC)
    (folder / "tokens.json").write_text(json.dumps(TOKENS))
    return folder


def hashed(path, threads):
    """Seconds of a program of its own: the pages of the file would count as this one's memory, and see ours.py."""
    return float(subprocess.run([sys.executable, "-c", HASH, path, str(threads)], check=True, stdout=subprocess.PIPE).stdout)


if __name__ == "__main__":
    main()
