"""TransformerLens' side: some of a grid's cells, one forward pass per cell, timed.

    python peer.py SPEC SAMPLE THREADS [DEVICE]     prints a JSON object: seconds for all cells, peak memory, the sampled cells' scores
    python peer.py SPEC turns THREADS [DEVICE]      for each line on stdin, a number of cells, prints one: seconds and multiply-adds of a pass

SPEC has one grid.
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
from torch.utils.flop_counter import FlopCounterMode

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
    ("layer", "head", "dest_pos", "src_pos"): patching.layer_head_dest_src_pos_pattern_patch_setter,
}


class Peer:
    """A spec's sweep."""

    def __init__(self, path, device):
        self.spec = tomllib.loads(path.read_text())
        self.grid, = self.spec["grid"]
        tokens = json.loads((path.parent / self.spec["dataset"]["tokens"]).read_text())
        self.clean, self.answers = (torch.tensor(tokens[name], device=device) for name in ("clean", "answers"))
        self.corrupted = [torch.tensor(one, device=device) for one in tokens["corrupted"]]
        self.candidates = torch.tensor(self.spec["metric"][0]["candidate_ids"], device=device)
        plain = load_hugging_face(path.parent / self.spec["model"]["path"])
        self.lens = to_transformer_lens(plain).to(device)
        setters = PATTERN_SETTERS if self.grid["component"] == "pattern" else SETTERS
        self.setter = setters[tuple(self.grid["axes"])]
        self.cells = all_cells(self.grid, self.lens.cfg, self.clean.shape[1])

    def scored(self, index, cells):
        """Of some cells in an iteration seconds and score; the corrupted run's cache is made before."""
        iteration = self.spec["iteration"][index]

        def metric(logits):
            return logit_diff_max(logits, iteration["read"], self.answers[:, iteration["answer"]], self.candidates)

        _, cache = self.lens.run_with_cache(self.corrupted[index])
        for cell in cells:
            frame = pd.DataFrame([cell], columns=self.grid["axes"])
            start = time.perf_counter()
            value = patching.generic_activation_patch(
                self.lens, self.clean, cache, metric, self.setter, self.grid["component"], index_df=frame).item()
            yield time.perf_counter() - start, value

    def multiply_adds(self):
        """Of a forward pass."""
        with FlopCounterMode(display=False) as counter:
            self.lens(self.clean)
        return counter.get_total_flops() // 2


def all_cells(grid, config, length):
    along = {
        "layer": range(config.n_layers),
        "head": grid.get("heads", range(config.n_heads)),
        "pos": grid.get("positions", range(length)),
        "dest_pos": grid.get("dest_positions", range(length)),
        "src_pos": grid.get("src_positions", range(length)),
    }
    return list(itertools.product(*(along[axis] for axis in grid["axes"])))


def sampled(peer, sample):
    seconds, scores = [], []
    for index in range(len(peer.corrupted)):
        chosen = random.Random(index).sample(peer.cells, min(int(sample), len(peer.cells)))
        for cell, (took, value) in zip(chosen, peer.scored(index, chosen), strict=True):
            seconds.append(took)
            scores.append([index, *cell, value])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # Every cell is the same forward pass; the median leaves out what else the machine did.
    total = statistics.median(seconds) * len(peer.cells) * len(peer.corrupted)
    print(json.dumps({"seconds": total, "peak": peak, "scores": scores}))


def turns(peer):
    multiply_adds = peer.multiply_adds()
    for turn, line in enumerate(sys.stdin):
        chosen = random.Random(turn).sample(peer.cells, int(line))
        seconds = statistics.median(took for took, _ in peer.scored(turn % len(peer.corrupted), chosen))
        print(json.dumps({"seconds": seconds, "multiply_adds": multiply_adds}), flush=True)


def main():
    path, sample, threads, device = [*sys.argv[1:], "cpu"][:4]
    torch.set_num_threads(int(threads))
    peer = Peer(pathlib.Path(path), device)
    if sample == "turns":
        turns(peer)
    else:
        sampled(peer, sample)


if __name__ == "__main__":
    main()
