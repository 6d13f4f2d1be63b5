"""Holds what patchsweep reads of random configs of every family to what transformers computes with them.

    python check_families.py PATCHSWEEP WORKER [--draws N] [FAMILY ...]

Each config is drawn with every key of its class that changes the arithmetic (`families/draws.py`), the folder is what
`save_pretrained` writes, and the baselines of a sweep are log probabilities, which all logits are in: of several tokens, at
several positions, of several prompts.
"""

import argparse
import json
import pathlib
import random
import sys
import tempfile

try:
    import torch
except ImportError as missing:
    print(f"check_families: skipped ({missing})")
    sys.exit(0)

import numpy as np
from transformers import AutoModelForCausalLM, logging

from families.cluster import Cluster
from families.draws import FAMILIES, HARMLESS

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "reference/families"))
from weights import fill  # noqa: E402

# Of the largest number: float32 in another order of operations.
TOLERANCE = 5e-6
POSITIONS, PROMPTS = 8, 2
READ, ANSWERS = (2, 5, 7), (3, 17, 38)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("patchsweep", type=pathlib.Path)
    parser.add_argument("worker", type=pathlib.Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("families", nargs="*")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    for name in FAMILIES:
        refuse_unknown_keys(name)
    with tempfile.TemporaryDirectory() as temporary:
        models = pathlib.Path(temporary)
        with Cluster(arguments.patchsweep.resolve(), arguments.worker.resolve(), models) as cluster:
            for name in arguments.families or FAMILIES:
                worst = max(check(cluster, models, name, seed) for seed in range(arguments.draws))
                print(f"{name}: {arguments.draws} configs, log probabilities differ by at most {worst:.1e} of the largest", flush=True)
    print("check_families: transformers agrees")


def refuse_unknown_keys(name):
    """A key of a class that is neither drawn nor known to change nothing would be one that nobody looks at."""
    config, draw = FAMILIES[name]
    draws = [draw(random.Random(seed).choice) for seed in range(50)]
    drawn = {key for keys in draws for key in keys} | {key for keys in draws for key in keys.get("text_config", {})}
    keys = set(config().to_dict()) | set(getattr(config(), "text_config", config()).to_dict())
    if unknown := keys - drawn - HARMLESS:
        sys.exit(f"{name}: {', '.join(sorted(unknown))} of its class are neither drawn nor known to change nothing")


def check(cluster, models, name, seed):
    """How far log probabilities are apart, in parts of the largest one."""
    config, draw = FAMILIES[name]
    keys = draw(random.Random(f"{name} {seed}").choice)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config(**keys), attn_implementation="eager").eval().float()
    fill(model)
    folder = models / f"{name}-{seed}"
    model.save_pretrained(folder / "model")
    tokens = torch.randint(0, 40, (2, PROMPTS, POSITIONS))
    wanted = np.array([expected(model, run) for run in tokens])
    found = ours(cluster, folder, *tokens.tolist())
    apart = float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))
    if not apart <= TOLERANCE:
        sys.exit(f"{name}: log probabilities differ by {apart:.1e} of the largest with {json.dumps(keys)}\n{found}\n{wanted}")
    return apart


def expected(model, tokens):
    """The mean over prompts of each answer's log probability at each position."""
    logs = model(tokens, use_cache=False).logits.log_softmax(-1).mean(0)
    return [float(logs[read, answer]) for read in READ for answer in ANSWERS]


def ours(cluster, folder, clean, corrupted):
    """The same of a sweep's clean and corrupted baselines."""
    iterations = [(read, answer) for read in READ for answer in ANSWERS]
    answers = [[answer for _, answer in iterations]] * PROMPTS
    tokens = dict(clean=clean, corrupted=[corrupted] * len(iterations), answers=answers)
    (folder / "tokens.json").write_text(json.dumps(tokens))
    spec = f'schema = 1\nname = "{folder.name}"\n[model]\npath = "{folder.name}/model"\n'
    spec += '[dataset]\ntokens = "tokens.json"\n[[metric]]\nkind = "logprob"\n'
    every = list(range(POSITIONS))
    spec += "".join(f"[[iteration]]\ncorrupt = {every}\nread = {read}\n" for read, _ in iterations)
    spec += '[[grid]]\ncomponent = "resid_pre"\naxes = ["layer"]\nlayers = [0]\npositions = [0]\n'
    (folder / "spec.toml").write_text(spec)
    sweep = cluster.call("submit", folder / "spec.toml", "--wait", "--output", "quiet")
    cluster.call("results", sweep.splitlines()[0], "--out", folder / "out")
    with np.load(folder / "out/scores.npz") as scores:
        return np.array([scores["clean"].ravel(), scores["corrupted"].ravel()])


if __name__ == "__main__":
    main()
