"""The cases: what each one is, and how its model, its tokens and its spec are drawn and written."""

import json
from dataclasses import dataclass

import numpy as np
from safetensors.numpy import save_file


@dataclass(frozen=True)
class Iteration:
    corrupt: list  # positions that take a corrupted token
    read: int  # position whose logits are scored
    answer: int  # which of a prompt's answers is scored


@dataclass(frozen=True)
class Case:
    name: str
    seed: int
    layers: int
    heads: int
    width: int
    length: int  # tokens per prompt
    prompts: int
    iterations: list
    vocab: int = 61
    positions: int = 16
    candidates: int = 9
    inner: int | None = None  # None: four times the width, and no n_inner in config.json
    activation: str = "gelu_new"
    epsilon: float = 1e-5
    tied: bool = True
    shards: int = 1
    prefix: str = "transformer."  # "" as in the published GPT-2 files, which also hold mask buffers
    dtype: str = "float32"  # of the stored weights
    keep_one: bool = True  # in each iteration one prompt keeps its clean token at the first corrupted position


CASES = [
    Case("one-prompt", seed=1, layers=2, heads=2, width=16, length=7, prompts=1, keep_one=False,
         iterations=[Iteration([2, 3], read=6, answer=0)]),
    Case("wide-mlp", seed=2, layers=3, heads=3, width=24, length=8, prompts=5,
         inner=130, activation="gelu", epsilon=1e-3,
         iterations=[Iteration([2, 3], read=5, answer=0), Iteration([4, 5], read=7, answer=1)]),
    Case("edges", seed=13, layers=3, heads=2, width=20, length=8, prompts=4, prefix="",
         iterations=[Iteration([0], read=5, answer=0), Iteration([7], read=7, answer=1)]),
    Case("scattered", seed=4, layers=3, heads=4, width=24, length=10, positions=10, prompts=4,
         iterations=[Iteration([1, 4, 7], read=9, answer=1), Iteration([1, 4, 7], read=5, answer=2),
                     Iteration([2, 8], read=8, answer=0)]),
    Case("untied", seed=5, layers=2, heads=4, width=24, length=8, prompts=5, tied=False, shards=2,
         iterations=[Iteration([1, 2], read=6, answer=0), Iteration([3, 4], read=7, answer=1)]),
    Case("relu-half", seed=6, layers=2, heads=3, width=24, length=7, prompts=4,
         inner=20, activation="relu", dtype="float16",
         iterations=[Iteration([1, 2], read=4, answer=0), Iteration([3], read=6, answer=1)]),
]


def config(case):
    """config.json, with the keys that such files usually have."""
    out = {
        "activation_function": case.activation,
        "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1,
        "bos_token_id": case.vocab - 1,
        "dtype": case.dtype,
        "embd_pdrop": 0.1,
        "eos_token_id": case.vocab - 1,
        "initializer_range": 0.02,
        "layer_norm_epsilon": case.epsilon,
        "model_type": "gpt2",
        "n_ctx": case.positions,
        "n_embd": case.width,
        "n_head": case.heads,
        "n_layer": case.layers,
        "n_positions": case.positions,
        "resid_pdrop": 0.1,
        "vocab_size": case.vocab,
    }
    if case.inner is not None:
        out["n_inner"] = case.inner
    if not case.tied:
        out["tie_word_embeddings"] = False
    return dict(sorted(out.items()))


def weights(case, rng):
    """Random tensors by their Hugging Face names; no bias is 0 and no layer norm is the identity."""
    d, inner = case.width, case.inner or 4 * case.width
    out = {}

    def normal(name, shape, std, mean=0.0):
        out[case.prefix + name] = (mean + std * rng.standard_normal(shape)).astype(case.dtype)

    def linear(name, rows, columns, gain):
        normal(f"{name}.weight", (rows, columns), gain / np.sqrt(rows))
        normal(f"{name}.bias", (columns,), 0.3)

    def layer_norm(name):
        normal(f"{name}.weight", (d,), 0.3, mean=1.0)
        normal(f"{name}.bias", (d,), 0.2)

    normal("wte.weight", (case.vocab, d), 0.6)
    normal("wpe.weight", (case.positions, d), 0.3)
    for i in range(case.layers):
        layer_norm(f"h.{i}.ln_1")
        linear(f"h.{i}.attn.c_attn", d, 3 * d, 1.5)
        linear(f"h.{i}.attn.c_proj", d, d, 1.2)
        layer_norm(f"h.{i}.ln_2")
        linear(f"h.{i}.mlp.c_fc", d, inner, 1.2)
        linear(f"h.{i}.mlp.c_proj", inner, d, 1.2)
        if not case.prefix:  # the causal mask, stored as if it were a weight
            mask = np.tril(np.ones((case.positions, case.positions), case.dtype))
            out[f"h.{i}.attn.bias"] = mask[None, None]
    layer_norm("ln_f")
    if not case.tied:
        out["lm_head.weight"] = (0.6 * rng.standard_normal((case.vocab, d))).astype(case.dtype)
    return out


def tokens(case, rng):
    """The token dataset and the candidates."""
    clean = rng.integers(case.vocab, size=(case.prompts, case.length))
    corrupted = np.stack([clean] * len(case.iterations))
    for i, iteration in enumerate(case.iterations):
        at = iteration.corrupt
        shift = rng.integers(1, case.vocab, size=(case.prompts, len(at)))  # never 0: always another token
        if case.keep_one:
            shift[i % case.prompts, 0] = 0
        corrupted[i][:, at] = (clean[:, at] + shift) % case.vocab
    candidates = rng.choice(case.vocab, size=case.candidates, replace=False)
    answers = rng.choice(candidates, size=(case.prompts, len(case.iterations)))
    dataset = {"clean": clean.tolist(), "corrupted": corrupted.tolist(), "answers": answers.tolist()}
    return dataset, candidates.tolist()


RESID, BY_POS, ALL_POS = ["layer", "pos"], ["layer", "pos", "head"], ["layer", "head"]

# Grids of a case's spec, by the names that their scores have in scores.npz.
GRIDS = [
    *((name, name, RESID) for name in ("resid_pre", "resid_mid", "attn_out", "mlp_out")),
    *((f"head_{name}", name, ALL_POS) for name in "zqkv"),
    *((f"head_{name}_by_pos", name, BY_POS) for name in "zqkv"),
    ("head_pattern", "pattern", ALL_POS),
    ("head_pattern_by_pos", "pattern", [*ALL_POS, "dest_pos"]),
    ("head_pattern_dest_src", "pattern", [*ALL_POS, "dest_pos", "src_pos"]),
]


def spec(name, candidates, iterations):
    """spec.toml"""
    head = f"""\
schema = 1
name = "{name}"

[model]
path = "model"
dtype = "float32"

[dataset]
tokens = "case.json"

[[metric]]
kind = "logit_diff_max"
candidate_ids = {candidates}
"""
    body = "".join(f"""
[[iteration]]
label = "Iteration {i}"
corrupt = {it.corrupt}
read = {it.read}
answer = {it.answer}
""" for i, it in enumerate(iterations))
    grids = "".join(f"""
[[grid]]
name = "{name}"
component = "{component}"
axes = {json.dumps(axes)}
""" for name, component, axes in GRIDS)
    return head + body + grids


def write(case, folder):
    """Draws the case and writes everything but its scores."""
    rng = np.random.default_rng(case.seed)
    model = folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text(json.dumps(config(case), indent=2) + "\n")
    write_weights(weights(case, rng), model, case.shards)
    dataset, candidates = tokens(case, rng)
    rows = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in dataset.items())
    (folder / "case.json").write_text(f"{{{rows}}}\n")
    (folder / "spec.toml").write_text(spec(case.name, candidates, case.iterations))


def write_weights(tensors, folder, shards):
    metadata = {"format": "pt"}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata)
        return
    names, where = list(tensors), {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = names[len(names) * i // shards : len(names) * (i + 1) // shards]
        save_file({name: tensors[name] for name in part}, folder / file, metadata)
        where.update(dict.fromkeys(part, file))
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": dict(sorted(where.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
