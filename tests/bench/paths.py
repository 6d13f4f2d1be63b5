"""All pairs of heads by path patching: patchsweep, and four passes for each pair with transformers, in turn.

    python paths.py PATCHSWEEP [--layers 12] [--prompts 4] [--length 16] [--to q] [--sample 6] [--turns 1] [--threads N]

A GPT-2 of random weights, GPT-2 small's but for the layers. One position in a quarter of the prompt is corrupted, and the last one is
read. In each turn transformers runs a random sample of pairs, each with the four passes of Wang et al. (2023), appendix B, over all
prompts at once: clean, corrupted, the one to the receiver with every other head held, and the one from it. Its seconds are
those of the median pair times the number of pairs. `two passes` are those of the last two passes alone, as of a program that keeps
the first two. patchsweep runs the whole grid, no-ops included, from submission to the last score with loading.
"""

import json
import pathlib
import random
import statistics
import tempfile
import time
from importlib.metadata import version

import torch
from transformers import GPT2LMHeadModel, logging

import machine
import options
import ours
from table import Table
from workload import CANDIDATES, make_model

RECEIVERS = "qkv"


class Peer:
    """One set of passes for each pair, with plain hooks."""

    def __init__(self, folder, clean, corrupted, answers):
        self.model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()
        self.blocks = self.model.transformer.h
        self.heads = self.model.config.n_head
        self.width = self.model.config.n_embd // self.heads
        self.clean, self.corrupted, self.answers = (torch.tensor(ids) for ids in (clean, corrupted, answers))

    def logits(self, tokens, hooks):
        """The last position's logits of a run with hooks, which are taken away behind it."""
        handles = [add() for add in hooks]
        try:
            return self.model(tokens, use_cache=False).logits[:, -1]
        finally:
            for handle in handles:
                handle.remove()

    def see_z(self, kept):
        """Keeps z of all heads, [layer][prompt, pos, heads * width]."""
        def see(layer):
            return lambda _, inputs: kept.__setitem__(layer, inputs[0])
        return [lambda layer=layer, block=block: block.attn.c_proj.register_forward_pre_hook(see(layer))
                for layer, block in enumerate(self.blocks)]

    def pair(self, sender, receiver, to):
        """Metric of each prompt, seconds of four passes and of the last two."""
        (layer, head), (to_layer, to_head) = sender, receiver
        begin = time.perf_counter()
        clean, corrupted, received = {}, {}, {}
        self.logits(self.clean, self.see_z(clean))
        self.logits(self.corrupted, self.see_z(corrupted))
        middle = time.perf_counter()
        of_head = slice(head * self.width, (head + 1) * self.width)
        held = dict(clean)
        held[layer] = clean[layer].clone()
        held[layer][..., of_head] = corrupted[layer][..., of_head]
        first = (RECEIVERS.index(to) * self.heads + to_head) * self.width
        of_receiver = slice(first, first + self.width)
        attention = self.blocks[to_layer].attn.c_attn

        def hold(at):
            return lambda _, inputs: (held[at],)

        def see(_, __, output):
            received["x"] = output[..., of_receiver].clone()

        def put(_, __, output):
            output[..., of_receiver] = received["x"]

        holding = [lambda at=at, block=block: block.attn.c_proj.register_forward_pre_hook(hold(at))
                   for at, block in enumerate(self.blocks)]
        self.logits(self.clean, [*holding, lambda: attention.register_forward_hook(see)])
        logits = self.logits(self.clean, [lambda: attention.register_forward_hook(put)])
        end = time.perf_counter()
        return self.metric(logits), end - begin, end - middle

    def metric(self, logits):
        others = logits[:, CANDIDATES].clone()
        others[torch.tensor(CANDIDATES)[None] == self.answers[:, None]] = -torch.inf
        return (logits.gather(1, self.answers[:, None])[:, 0] - others.max(1).values).mean().item()


def main():
    args = parse()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    torch.set_num_threads(args.threads)
    print(f"{machine.cpu_name()}, {args.threads} threads, {args.turns} turns; transformers {version('transformers')}, "
          f"PyTorch {version('torch')}\n{args.layers} layers, {args.prompts} prompts of {args.length} tokens, sample of {args.sample} pairs\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        make_model(folder / "model", args.layers)
        dataset = write(folder, args)
        peer = Peer(folder / "model", *dataset)
        turns = [turn(peer, folder / "spec.toml", args) for _ in range(args.turns)]
    four, two, seconds, executed, differences, pairs = zip(*turns)
    ratios, to_two = ([theirs / mine for theirs, mine in zip(side, seconds)] for side in (four, two))
    middle = statistics.median
    table = Table("pairs", "four passes s", "two passes s", "ours s", "ratio", "to two", "executed", "difference")
    table.row(pairs[0], f"{middle(four):.0f}", f"{middle(two):.0f}", f"{middle(seconds):.1f}", f"{middle(ratios):.1f}x",
              f"{middle(to_two):.1f}x", f"{executed[0]:.2e}", f"{max(differences):.0e}")


def parse():
    parser = options.parser(prompts=4, length=16)
    parser.add_argument("--to", choices=list(RECEIVERS), default="q", help="what receives")
    parser.add_argument("--sample", type=int, default=6, help="pairs of transformers in each turn")
    parser.add_argument("--turns", type=int, default=1)
    return parser.parse_args()


def write(folder, args):
    """Random prompts, and the spec of all pairs."""
    draw = random.Random(0)
    clean = [[draw.randrange(50257) for _ in range(args.length)] for _ in range(args.prompts)]
    at = args.length // 4
    corrupted = [[*prompt[:at], draw.randrange(50257), *prompt[at + 1:]] for prompt in clean]
    answers = [draw.choice(CANDIDATES) for _ in clean]
    (folder / "tokens.json").write_text(
        json.dumps({"clean": clean, "corrupted": [corrupted], "answers": [[answer] for answer in answers]}))
    (folder / "spec.toml").write_text(f"""schema = 1
name = "bench-paths"

[model]
path = "model"

[dataset]
tokens = "tokens.json"

[[metric]]
kind = "logit_diff_max"
candidate_ids = {CANDIDATES}

[[iteration]]
corrupt = [{at}]
read = -1

[[grid]]
name = "pairs"
component = "z"
axes = ["layer", "head"]

  [grid.to]
  component = "{args.to}"
  axes = ["layer", "head"]
""")
    return clean, corrupted, answers


def turn(peer, spec, args):
    """Seconds of four and of two passes for all pairs, and of patchsweep; multiply-adds; largest difference; pairs."""
    count = args.layers * peer.heads
    heads = [(layer, head) for layer in range(args.layers) for head in range(peer.heads)]
    chosen = [(random.choice(heads), random.choice(heads)) for _ in range(args.sample)]
    theirs = [peer.pair(*pair, args.to) for pair in chosen]
    four, two = (statistics.median(each[side] for each in theirs) * count**2 for side in (1, 2))
    run = ours.run(args.patchsweep, spec, threads=args.threads)
    mine = [run.value.at((0, *sender, *receiver)) for sender, receiver in chosen]
    difference = ours.largest_difference(zip(mine, (each[0] for each in theirs)))
    return four, two, run.seconds, run.executed, difference, run.cells


if __name__ == "__main__":
    main()
