"""Compares the scores of two builds: python3 same_scores.py OLD NEW, two programs `patchsweep`, each beside its worker.

Runs every spec in data/, every case of tests/reference, and random specs (--random, from --seed) with one thread, with one
worker and with three, on the CPU. Says "identical" where all numbers of all tensors are equal bit by bit, else the largest
difference of each tensor that differs; ends with 1 then. What only the new build can write is passed over; what it no longer
writes is a difference. Standard library only.
"""

import argparse
import json
import math
import pathlib
import random
import sys
import tempfile

import ours

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Components, and their axes behind the layer.
WITHIN_LAYER = {
    "resid_pre": ["pos"], "resid_mid": ["pos"], "resid_post": ["pos"], "attn_out": ["pos"], "mlp_out": ["pos"],
    "z": ["pos", "head"], "q": ["pos", "head"], "k": ["pos", "head"], "v": ["pos", "head"],
    "pattern": ["head", "dest_pos", "src_pos"],
}
METRICS = ["logit_diff_max", "logit_diff_mean", "logprob", "prob", "kl"]
# Scores in a grid of one iteration: a debug build computes some hundreds a second.
MOST_CELLS = 300


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=50, help="how many random specs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--only", help="names that contain this")
    given = parser.parse_args()
    differing = compared = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name, spec in specs(pathlib.Path(temporary), given):
            if given.only and given.only not in name:
                continue
            for workers in given.workers:
                old, new = (ours.run(program.resolve(), spec, workers=workers, threads=workers).scores
                            for program in (given.old, given.new))
                differences = compare(old, new)
                print(f"{name}, {workers} workers: {'; '.join(differences) or 'identical'}", flush=True)
                compared += 1
                differing += bool(differences)
    print(f"{compared} compared, {differing} differ")
    sys.exit(differing > 0)


def compare(old, new):
    """One text for each tensor that differs."""
    differences = []
    for name, tensor in sorted(old.items()):
        other = new.get(name)
        if other is None:
            differences.append(f"{name} is missing")
        elif tensor.shape != other.shape:
            differences.append(f"{name} has shape {other.shape}, not {tensor.shape}")
        elif tensor.values.tobytes() != other.values.tobytes():
            pairs = zip(tensor.values, other.values, strict=True)
            differences.append(f"{name} by {largest(pairs):.3g}")
    return differences


def largest(pairs):
    """Largest difference; numbers that are none in both are equal, in one only infinitely different."""
    most = 0.0
    for one, other in pairs:
        if math.isnan(one) or math.isnan(other):
            most = most if math.isnan(one) and math.isnan(other) else math.inf
        elif one != other:
            most = max(most, abs(one - other))
    return most


def specs(folder, given):
    """Names and specs of all sweeps."""
    for spec in sorted(path for path in (ROOT / "data").glob("*.toml") if path.name != "Cargo.toml"):
        yield spec.name, spec
    cases = sorted((ROOT / "tests/reference").glob("*/spec.toml"))
    for spec in cases:
        yield f"reference {spec.parent.name}", spec
        (folder / spec.parent.name).symlink_to(spec.parent / "model")
    rng = random.Random(given.seed)
    for number in range(given.random):
        model = rng.choice(cases).parent.name
        spec = folder / f"random-{number}.toml"
        spec.write_text(random_spec(rng, folder, number, model))
        yield f"random {number} ({model})", spec


def head(name, model, tokens, direction, metrics):
    lines = ["schema = 1", f'name = "{name}"', f'direction = "{direction}"', "[model]", f'path = "{model}"', "[dataset]",
             f'tokens = "{tokens}"']
    for number, metric in enumerate(metrics):
        lines += ["[[metric]]", f'name = "m{number}"', *(f"{key} = {json.dumps(value)}" for key, value in metric.items())]
    return lines


def grid(name, component, axes, **rest):
    lines = ["[[grid]]", f'name = "{name}"', f'component = "{component}"', f"axes = {json.dumps(axes)}"]
    return "\n".join(lines + [f"{key} = {json.dumps(value)}" for key, value in rest.items()])


def random_spec(rng, folder, number, model):
    config = json.loads((folder / model / "config.json").read_text())
    vocabulary, layers = config["vocab_size"], config["n_layer"]
    positions, prompts = rng.randint(3, min(10, config["n_positions"])), rng.randint(1, 7)
    candidates = sorted(rng.sample(range(vocabulary), rng.randint(2, 5)))
    token = lambda: rng.randrange(vocabulary)
    clean = [[token() for _ in range(positions)] for _ in range(prompts)]
    corrupted, reads = [], []
    for _ in range(rng.randint(1, 2)):
        changed = rng.sample(range(positions), rng.randint(1, positions))
        read = sorted(rng.sample(range(positions), rng.randint(1, 2)))
        # Something is corrupted at or before the last read position.
        read[-1] = max(read[-1], min(changed))
        read = sorted(set(read))
        corrupted.append([[(token() if pos in changed else old) for pos, old in enumerate(row)] for row in clean])
        corrupted[-1][0][min(changed)] = (clean[0][min(changed)] + 1) % vocabulary
        reads.append(read)
    answers = [[rng.choice(candidates) for read in reads for _ in read] for _ in range(prompts)]
    tokens = folder / f"random-{number}.json"
    tokens.write_text(json.dumps({"clean": clean, "corrupted": corrupted, "answers": answers}))
    kinds = rng.sample(METRICS, rng.randint(1, 3))
    metrics = [{"kind": kind, **({"candidate_ids": candidates} if kind.startswith("logit") else {})} for kind in kinds]
    lines = head(f"random-{number}", model, tokens.name, rng.choice(["noising", "denoising"]), metrics)
    answer = iter(range(len(answers[0])))
    lines += [f"[[iteration]]\nread = {read}\nanswer = {[next(answer) for _ in read]}" for read in reads]
    for place in range(rng.randint(1, 3)):
        component = rng.choice(list(WITHIN_LAYER))
        axes = [axis for axis in WITHIN_LAYER[component] if rng.random() < 0.6]
        if layers * positions ** len([axis for axis in axes if "pos" in axis]) * 4 > MOST_CELLS:
            axes = axes[:1]
        value = rng.choice([{}, {}, {"ablate": "zero"}, {"ablate": "mean"}])
        lines.append(grid(f"g{place}", component, ["layer", *axes], **value))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
