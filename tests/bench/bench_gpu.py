"""The same sweeps on the CPU and on a GPU: do the scores agree, and how fast is the card?

    python3 bench_gpu.py BINARIES MODEL [--device cuda:0] [--grids resid_pre,z] [--prompts 200] [--length 32]

For the GPU node: needs the built binaries, a GPT-2 model folder, libtorch with CUDA (an exported LIBTORCH, or where the
binaries were built against it) and Python 3.10 without any package. The card's matrix rate is measured if this Python
has torch; otherwise it can be given with --matrix-rate.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import machine
import ours
from grids import named
from table import Table
from workload import CANDIDATES, write_spec, write_tokens


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries", type=lambda path: pathlib.Path(path).resolve(),
                        help="folder of patchsweep and patchsweep-worker")
    parser.add_argument("model", type=pathlib.Path, help="Hugging Face folder of a GPT-2")
    parser.add_argument("--device", default="cuda:0", help="compared with the CPU; `cpu` tries this program out")
    parser.add_argument("--grids", type=named, default=named("resid_pre,z,pattern_by_dest"))
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--length", type=int, default=32, help="tokens of each prompt")
    parser.add_argument("--positions", type=int, help="only so many positions, evenly spread, in grids over positions")
    parser.add_argument("--threads", type=int, default=machine.CORES)
    parser.add_argument("--libtorch", type=pathlib.Path, default=os.environ.get("LIBTORCH"),
                        help="folder with lib/, if not where the binaries were built against it [$LIBTORCH]")
    parser.add_argument("--matrix-rate", type=float, help="of the card in float32, in multiply-adds per second")
    return parser.parse_args()


def main():
    args = parse()
    on_gpu = args.device != "cpu"
    name = machine.gpu_name(args.device) if on_gpu else machine.cpu_name()
    if name is None:
        sys.exit(f"error: nvidia-smi finds no GPU for {args.device}; run this on a GPU node, or try --device cpu")
    for needed in (args.binaries / "patchsweep", args.binaries / "patchsweep-worker", args.model / "config.json"):
        if not needed.is_file():
            sys.exit(f"error: there is no {needed}")
    config = json.loads((args.model / "config.json").read_text())
    if config["vocab_size"] <= max(CANDIDATES):
        sys.exit(f"error: the vocabulary has no token {max(CANDIDATES)}; use a model with GPT-2's")
    environment = {}
    if args.libtorch:
        paths = [str(args.libtorch / "lib"), os.environ.get("LD_LIBRARY_PATH")]
        environment["LD_LIBRARY_PATH"] = ":".join(path for path in paths if path)
    rate = args.matrix_rate or machine.matrix_rate(args.threads, args.device)
    described = f"{rate:.2e} multiply-adds/s" if rate else "not measured"
    print(f"{name}; matrix rate {described}; CPU: {machine.cpu_name()}, {args.threads} threads")
    print(f"{config['n_layer']} layers, {args.prompts} prompts of {args.length} tokens, 3 iterations\n")
    table = Table("grid", "cells", "executed", "CPU s", f"{args.device} s", "loading", "difference", "executed/s",
                  "computing/s", "of rate")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "model").symlink_to(args.model.resolve())
        write_tokens(folder / "tokens.json", args.prompts, args.length, config["vocab_size"])
        for grid in args.grids:
            write_spec(folder / "spec.toml", grid, args.length, args.positions)
            # The device first: if it does not work, that shows at once.
            gpu, cpu = (ours.run(args.binaries / "patchsweep", folder / "spec.toml", threads=args.threads,
                                 device=device, environment=environment) for device in (args.device, "cpu"))
            computing = gpu.executed / gpu.computing
            difference = ours.largest_difference(zip(cpu.value.values, gpu.value.values, strict=True))
            table.row(grid.name, gpu.cells, f"{gpu.executed:.2e}", f"{cpu.seconds:.2f}", f"{gpu.seconds:.2f}",
                      f"{gpu.loading:.2f}", f"{difference:.0e}", f"{gpu.executed / gpu.seconds:.2e}",
                      f"{computing:.2e}", f"{computing / rate:.0%}" if rate else "-")


if __name__ == "__main__":
    main()
