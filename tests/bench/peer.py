"""TransformerLens' side: a sample of a grid's cells, one forward pass per cell, timed.

    python peer.py SPEC SAMPLE THREADS [DEVICE]

SPEC has one grid. Prints a JSON object: seconds for all cells, peak memory, and the sampled cells with their scores.
"""

import itertools
import json
import pathlib
import random
import resource
import statistics
import sys
import time
import tomllib

import pandas as pd
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "reference"))

from tl_scores import load_hugging_face, logit_diff_max, patching, to_transformer_lens

SETTERS = {
    ("layer", "pos"): patching.layer_pos_patch_setter,
    ("layer", "head"): patching.layer_head_vector_patch_setter,
    ("layer", "pos", "head"): patching.layer_pos_head_vector_patch_setter,
}
PATTERN_SETTERS = {
    ("layer", "head"): patching.layer_head_pattern_patch_setter,
    ("layer", "head", "dest_pos"): patching.layer_head_pos_pattern_patch_setter,
}


def all_cells(grid, config, length):
    along = {
        "layer": range(config.n_layers),
        "head": range(config.n_heads),
        "pos": grid.get("positions", range(length)),
        "dest_pos": grid.get("dest_positions", range(length)),
    }
    return list(itertools.product(*(along[axis] for axis in grid["axes"])))


def main():
    path, sample, threads, device = [*sys.argv[1:], "cpu"][:4]
    path = pathlib.Path(path)
    torch.set_num_threads(int(threads))
    spec = tomllib.loads(path.read_text())
    grid, = spec["grid"]
    tokens = json.loads((path.parent / spec["dataset"]["tokens"]).read_text())
    clean, answers = (torch.tensor(tokens[name], device=device) for name in ("clean", "answers"))
    candidates = torch.tensor(spec["metric"][0]["candidate_ids"], device=device)
    plain = load_hugging_face(path.parent / spec["model"]["path"])
    lens = to_transformer_lens(plain).to(device)
    del plain
    cells = all_cells(grid, lens.cfg, clean.shape[1])
    setter = (PATTERN_SETTERS if grid["component"] == "pattern" else SETTERS)[tuple(grid["axes"])]
    seconds, scores = [], []
    for index, (iteration, corrupted) in enumerate(zip(spec["iteration"], tokens["corrupted"], strict=True)):
        def metric(logits):
            return logit_diff_max(logits, iteration["read"], answers[:, iteration["answer"]], candidates)

        _, cache = lens.run_with_cache(torch.tensor(corrupted, device=device))
        chosen = random.Random(index).sample(cells, min(int(sample), len(cells)))
        for cell in chosen:
            frame = pd.DataFrame([cell], columns=grid["axes"])
            start = time.perf_counter()
            value = patching.generic_activation_patch(
                lens, clean, cache, metric, setter, grid["component"], index_df=frame).item()
            seconds.append(time.perf_counter() - start)
            scores.append([index, *cell, value])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # Every cell is the same forward pass; the median leaves out what else the machine did.
    total = statistics.median(seconds) * len(cells) * len(spec["iteration"])
    print(json.dumps({"seconds": total, "peak": peak, "scores": scores}))


if __name__ == "__main__":
    main()
