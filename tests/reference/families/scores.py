"""Scores of a case: one whole forward pass for each cell.

The clean run is patched with activations of the corrupted run. A score is the logit of the answer less the largest logit of
the other candidates at the read position, the mean over all prompts.
"""

from itertools import product

import numpy as np
import torch

HEADS = "zqkv"
# Component, and axes behind the layer.
SWEEPS = {
    **{c: (c, ("pos",)) for c in ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")},
    **{f"head_{c}": (c, ("head",)) for c in HEADS},
    **{f"head_{c}_by_pos": (c, ("pos", "head")) for c in HEADS},
    "head_pattern": ("pattern", ("head",)),
    "head_pattern_by_pos": ("pattern", ("head", "dest_pos")),
    "head_pattern_dest_src": ("pattern", ("head", "dest_pos", "src_pos")),
}


def score(hooked, case):
    clean, answers, candidates = (torch.tensor(case[key]) for key in ("clean", "answers", "candidates"))
    found = {}
    for i, (tokens, read) in enumerate(zip(case["corrupted"], case["read"])):
        corrupted = torch.tensor(tokens)
        metric = lambda logits: difference(logits[:, read], answers[:, i], candidates)
        found.setdefault("clean_metric", []).append(metric(hooked.logits(clean)))
        found.setdefault("corrupted_metric", []).append(metric(hooked.logits(corrupted)))
        for name in case["sweeps"]:
            found.setdefault(name, []).append(sweep(hooked, name, clean, corrupted, metric))
    return {name: np.array(values, np.float32) for name, values in found.items()}


def sweep(hooked, name, clean, corrupted, metric):
    component, axes = SWEEPS[name]
    heads = hooked.kv_heads if component in ("k", "v") else hooked.heads
    sizes = [heads if axis == "head" else clean.shape[1] for axis in axes]
    values = np.zeros((len(hooked.blocks), *sizes), np.float32)
    for layer in range(len(hooked.blocks)):
        other = hooked.read(corrupted, component, layer)
        for index in product(*map(range, sizes)):
            place = placed(component, dict(zip(axes, index)))

            def patch(x):
                x[place] = other[place]

            with hooked.edited(component, layer, patch):
                values[(layer, *index)] = metric(hooked.logits(clean))
    return values


def placed(component, index):
    """Where a cell is in an activation: [prompt, head, dest, src] of a pattern, [prompt, position, head, width] of others."""
    order = {"pattern": ("head", "dest_pos", "src_pos")}.get(component, ("pos", "head") if component in HEADS else ("pos",))
    return slice(None), *(index.get(axis, slice(None)) for axis in order)


def difference(logits, answers, candidates):
    right = logits.gather(1, answers[:, None])[:, 0]
    others = logits[:, candidates].masked_fill(candidates[None] == answers[:, None], -torch.inf)
    return float((right - others.max(1).values).mean())
