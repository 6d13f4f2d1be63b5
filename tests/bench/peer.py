"""TransformerLens' side: a sample of a grid's cells, one forward pass per cell, timed.

    python peer.py FOLDER GRID SAMPLE THREADS LENGTH

Prints a JSON object: seconds per cell, peak memory, and the sampled cells with their scores.
"""

import itertools
import json
import pathlib
import random
import resource
import sys
import time

import pandas as pd
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "reference"))

from grids import GRIDS
from tl_scores import load_hugging_face, logit_diff_max, patching, to_transformer_lens
from workload import CANDIDATES, reads


def main():
    folder, name, sample, threads, length = sys.argv[1:]
    folder, length = pathlib.Path(folder), int(length)
    torch.set_num_threads(int(threads))
    grid = next(grid for grid in GRIDS if grid.name == name)
    tokens = json.loads((folder / "tokens.json").read_text())
    clean, answers = torch.tensor(tokens["clean"]), torch.tensor(tokens["answers"])
    candidates = torch.tensor(CANDIDATES)
    plain = load_hugging_face(folder / "model")
    lens = to_transformer_lens(plain)
    del plain
    sizes = {"layer": lens.cfg.n_layers, "pos": length, "head": lens.cfg.n_heads}
    cells = list(itertools.product(*(range(sizes[axis]) for axis in grid.axes)))
    seconds, scores = [], []
    for index, (corrupted, read) in enumerate(zip(tokens["corrupted"], reads(length))):
        def metric(logits):
            return logit_diff_max(logits, read, answers[:, index], candidates)

        _, cache = lens.run_with_cache(torch.tensor(corrupted))
        chosen = random.Random(index).sample(cells, min(int(sample), len(cells)))
        frame = pd.DataFrame(chosen, columns=grid.axes)
        start = time.perf_counter()
        values = patching.generic_activation_patch(
            lens, clean, cache, metric, getattr(patching, grid.setter), grid.component, index_df=frame)
        seconds.append((time.perf_counter() - start) / len(chosen))
        scores.extend([index, *cell, float(value)] for cell, value in zip(chosen, values))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    total = sum(seconds) * len(cells)
    print(json.dumps({"seconds": total, "cells": len(cells) * len(seconds), "peak": peak, "scores": scores}))


if __name__ == "__main__":
    main()
