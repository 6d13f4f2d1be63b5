"""Reference scores of attention knockout, by a plain forward pass of a transformers GPT-2 for each cell and prompt.

    python knockout.py knockout          writes knockout/scores.npz

Minus infinity is added to attention's scores by its mask; a row that would have nothing left keeps them. What is written as well is
zeroed behind the softmax. Float32, eager, on the CPU, one prompt at a time; torch 2.11.0, transformers 5.24.0.
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
    """A model whose `masks` {layer: what is knocked out, bool [head, dest, src]} and `zeroed` [(layer, head)] hold in every run."""

    def __init__(self, folder):
        self.model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()
        config = self.model.config
        self.layers, self.heads, self.head = config.n_layer, config.n_head, config.n_embd // config.n_head
        self.masks, self.zeroed = {}, []
        for layer, block in enumerate(self.model.transformer.h):
            block.attn.register_forward_pre_hook(self.masked(layer), with_kwargs=True)
            block.attn.c_proj.register_forward_pre_hook(self.without(layer, block))

    def masked(self, layer):
        def hook(_, args, kwargs):
            length = args[0].shape[1]
            seen = torch.ones(length, length, dtype=torch.bool).tril().expand(self.heads, -1, -1).clone()
            left = seen & ~self.masks.get(layer, torch.zeros_like(seen))
            seen = torch.where(left.any(-1, keepdim=True), left, seen)
            mask = torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))[None]
            return args, kwargs | {"attention_mask": mask}
        return hook

    def without(self, layer, block):
        """A pattern of zeros weighs no values; the constant part of these, as TransformerLens folds it, is in the output's bias."""
        values = slice(2 * self.heads * self.head, None)
        constant = block.attn.c_attn.bias[values] + block.ln_1.bias @ block.attn.c_attn.weight[:, values]

        def hook(_, args):
            z = args[0].clone()
            for at, head in self.zeroed:
                if at == layer:
                    own = slice(head * self.head, (head + 1) * self.head)
                    z[..., own] = constant[own]
            return (z,)
        return hook

    @torch.no_grad()
    def logits(self, tokens, masks={}, zeroed=()):
        """[pos, vocabulary]"""
        self.masks, self.zeroed = masks, zeroed
        return self.model(torch.tensor([tokens])).logits[0]


def cells(model, grid, length):
    """The shape of a grid's tensor, and for each cell what it masks and zeroes."""
    given = {"layer": None, "head": None, "dest_pos": grid.get("dest_positions"), "src_pos": grid.get("src_positions")}
    extents = {"layer": model.layers, "head": model.heads, "dest_pos": length, "src_pos": length}
    every = {axis: [index % extents[axis] for index in given[axis] or range(extents[axis])] for axis in given}
    zeroed = [tuple(map(int, head.split("."))) for also in grid.get("also", []) for head in also["heads"]]
    listed = []
    for at in itertools.product(*(every[axis] for axis in grid["axes"])):
        own = every | {axis: [index] for axis, index in zip(grid["axes"], at)}
        mask = torch.zeros(model.heads, length, length, dtype=torch.bool)
        for place in itertools.product(own["head"], own["dest_pos"], own["src_pos"]):
            mask[place] = True
        window = grid.get("window", 1)
        first = at[0] - window // 2
        masks = {layer: mask for layer in range(max(first, 0), min(first + window, model.layers))}
        listed.append((masks, zeroed))
    return [len(every[axis]) for axis in grid["axes"]], listed


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
        clean = np.array([score(model.logits(tokens["clean"][p]), p) for p in prompts])
        corrupted = np.array([score(model.logits(tokens["corrupted"][i][p]), p) for p in prompts])
        scores["clean"].append(clean.mean())
        scores["corrupted"].append(corrupted.mean())
        for grid in spec["grid"]:
            shape, listed = cells(model, grid, len(tokens["clean"][0]))
            values = np.array([[score(model.logits(tokens["clean"][p], *cell), p) for cell in listed] for p in prompts])
            scores[grid["name"] + ".value"].append(values.mean(0).reshape(shape))
            scores[grid["name"]].append((values - clean[:, None]).mean(0).reshape(shape))
    np.savez(folder / "scores.npz", **{name: np.array(tensor, np.float32) for name, tensor in scores.items()})


if __name__ == "__main__":
    main()
