"""Reference scores of paths with frozen norms, by three plain forward passes of a transformers GPT-2 for each cell and prompt.

    python frozen_norms.py frozen_norms          writes frozen_norms/scores.npz

In the second pass every LayerNorm divides by what it divides by in the base run; see docs/guide.md for the rest. Float32, eager, on
the CPU, one prompt at a time; torch 2.11.0, transformers 5.24.0.
"""

import itertools
import json
import pathlib
import sys
import tomllib

import numpy as np
import torch
from transformers import GPT2LMHeadModel


class Gpt2:
    """A model whose `edits` {(site, layer): function of an activation [pos, ..]} are called in every run."""

    def __init__(self, folder):
        self.model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()
        config = self.model.config
        self.layers, self.heads, self.head = config.n_layer, config.n_head, config.n_embd // config.n_head
        self.edits = {}
        for layer, block in enumerate(self.model.transformer.h):
            block.ln_1.register_forward_hook(self.norm("ln1", layer))
            block.ln_2.register_forward_hook(self.norm("ln2", layer))
            block.attn.c_attn.register_forward_hook(self.projections(layer))
            block.attn.c_proj.register_forward_pre_hook(lambda _, args, layer=layer: self.by_head("z", layer, args[0]))
            block.mlp.register_forward_pre_hook(lambda _, args, layer=layer: (self.edited("mlp_in", layer, args[0]),))
            block.mlp.register_forward_hook(lambda _, args, out, layer=layer: self.edited("mlp_out", layer, out))
        self.model.transformer.ln_f.register_forward_hook(self.norm("ln_final", 0))

    def edited(self, site, layer, x):
        edit = self.edits.get((site, layer))
        return edit(x[0])[None] if edit else x

    def by_head(self, site, layer, x):
        return self.edited(site, layer, x.unflatten(-1, (self.heads, self.head))).flatten(-2)

    def projections(self, layer):
        return lambda _, args, out: torch.cat(
            [self.by_head(site, layer, x) for site, x in zip("qkv", out.chunk(3, -1))], -1)

    def norm(self, site, layer):
        def hook(norm, args, out):
            edit = self.edits.get((site, layer))
            if edit is None:
                return out
            x = args[0][0]
            scale = edit((x.var(-1, unbiased=False, keepdim=True) + norm.eps).sqrt())
            return ((x - x.mean(-1, keepdim=True)) / scale * norm.weight + norm.bias)[None]
        return hook

    @torch.no_grad()
    def logits(self, tokens, edits):
        """[pos, vocabulary]"""
        self.edits = edits
        return self.model(torch.tensor([tokens])).logits[0]

    def recording(self, tokens):
        sites = [(site, layer) for site in ["z", "q", "k", "v", "mlp_in", "mlp_out", "ln1", "ln2"] for layer in range(self.layers)]
        seen = {}
        edits = {at: lambda x, at=at: seen.setdefault(at, x) for at in sites + [("ln_final", 0)]}
        return self.logits(tokens, edits), seen


def kept(new):
    """An edit that holds an activation."""
    return lambda _: new


def put(old, new, positions, heads=None):
    """[pos, ..] with positions, or heads there, taken from another."""
    mixed = old.clone()
    for pos in positions:
        if heads is None:
            mixed[pos] = new[pos]
        else:
            mixed[pos, heads] = new[pos, heads]
    return mixed


def path_logits(model, tokens, base, other, sender, to, receivers):
    """sender: (site, layer, positions, heads); receivers: {layer: heads}"""
    site, layer, positions, heads = sender
    held = {at: kept(x) for at, x in base.items() if at[0] in ("z", "ln1", "ln2", "ln_final")}
    if to["mlps"] == "frozen":
        held |= {at: kept(x) for at, x in base.items() if at[0] == "mlp_out"}
    before = held.get((site, layer), lambda x: x)
    held[site, layer] = lambda x: put(before(x), other[site, layer], positions, heads)
    got = {}
    reading = {(to["component"], at): lambda x, at=at: got.setdefault(at, x) for at in receivers}
    logits = model.logits(tokens, held | reading)
    if to["component"] == "logits":
        return logits
    writes = {(to["component"], at): lambda x, at=at, heads=heads: put(x, got[at], range(len(tokens)), heads)
              for at, heads in receivers.items()}
    return model.logits(tokens, writes)


def cells(model, grid, length):
    """The shape of a grid's tensor, and for each cell its sender and its receivers."""
    site, to = grid["component"], grid["to"]
    every = list(range(length))
    ranges = {"layer": range(model.layers), "pos": every, "head": range(model.heads)}
    shape = [len(ranges[axis]) for axis in grid["axes"]]
    if "axes" in to:
        pairs = [ranges[axis] for axis in to["axes"]]
        shape += [len(indices) for indices in pairs]
        groups = [{at[0]: list(at[1:]) or None} for at in itertools.product(*pairs)]
    elif "heads" in to:
        named = [tuple(map(int, head.split("."))) for head in to["heads"]]
        groups = [{layer: [head for at, head in named if at == layer] for layer, _ in named}]
    else:
        groups = [{layer: None for layer in to.get("layers", [])}]
    listed = []
    for at in itertools.product(*(ranges[axis] for axis in grid["axes"])):
        place = dict(zip(grid["axes"], at))
        positions = [place["pos"]] if "pos" in place else every
        sender = site, place["layer"], positions, [place["head"]] if "head" in place else None
        listed += [(sender, receivers) for receivers in groups]
    return shape, listed


def main():
    folder = pathlib.Path(sys.argv[1])
    spec = tomllib.loads((folder / "spec.toml").read_text())
    tokens = json.loads((folder / "tokens.json").read_text())
    model = Gpt2(folder / spec["model"]["path"])
    candidates = spec["metric"][0]["candidate_ids"]
    names = [grid["name"] for grid in spec["grid"]]
    scores = {name: [] for name in ["clean", "corrupted"] + [name + kind for name in names for kind in ["", ".value"]]}
    for i, iteration in enumerate(spec["iteration"]):
        def score(logits, prompt):
            right = tokens["answers"][prompt][i]
            at = logits[iteration["read"]].double()
            return float(at[right] - max(at[token] for token in candidates if token != right))

        prompts = range(len(tokens["clean"]))
        runs = [[model.recording(rows) for rows in (tokens["clean"][p], tokens["corrupted"][i][p])] for p in prompts]
        base = np.array([[score(logits, p) for logits, _ in runs[p]] for p in prompts])
        for name, means in zip(["clean", "corrupted"], base.mean(0)):
            scores[name].append(means)
        for grid in spec["grid"]:
            shape, listed = cells(model, grid, len(tokens["clean"][0]))
            values = np.array([[score(path_logits(model, tokens["clean"][p], runs[p][0][1], runs[p][1][1], sender, grid["to"], receivers), p)
                                for sender, receivers in listed] for p in prompts])
            scores[grid["name"] + ".value"].append(values.mean(0).reshape(shape))
            scores[grid["name"]].append((values - base[:, :1]).mean(0).reshape(shape))
    np.savez(folder / "scores.npz", **{name: np.array(tensor, np.float32) for name, tensor in scores.items()})


if __name__ == "__main__":
    main()
