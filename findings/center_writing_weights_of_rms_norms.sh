#!/usr/bin/env bash
# `center_writing_weights=True` in TransformerLens. One would guess that the residual stream has mean 0 then, and that a
# dictionary whose cfg.json has that key reads such activations. With transformer-lens 3.9.0 it has where all norms are layer norms: the
# stream, `attn_out` and `mlp_out` are those of the model as it is, less their mean, to rounding. In a model of RMS norms, or with
# one before the logits, nothing is centred, and the process says nothing of it: activations are those of the model as it is, whatever
# the key says. `hook_z` and `mlp.hook_post` are the same in all.
# Installs torch with its libraries, 5 GB.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.11.0 transformers==5.24.0 transformer-lens==3.9.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata, io, logging, warnings
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig

print(*(f"{package} {importlib.metadata.version(package)}" for package in ["transformer-lens", "torch"]))
logged = io.StringIO()
logging.getLogger().addHandler(logging.StreamHandler(logged))
STREAM = ["hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out"]
INSIDE = ["attn.hook_z", "mlp.hook_post"]
tokens = torch.arange(12).reshape(2, 6)

def near(a, b):
    return bool((a - b).abs().max() < 1e-5)

seen = {}
for name, keys in {
    "layer norms": {"normalization_type": "LN"},
    "RMS norms": {"normalization_type": "RMS"},
    "layer norms, and an RMS norm before the logits": {"normalization_type": "LN", "final_rms": True},
}.items():
    config = HookedTransformerConfig(
        n_layers=2, d_model=16, n_ctx=8, d_head=4, d_mlp=32, d_vocab=20, act_fn="gelu_new", seed=1, **keys
    )
    plain, centred = HookedTransformer(config), HookedTransformer(config)
    for parameter in plain.parameters():
        parameter.data = 0.1 + 0.3 * torch.randn_like(parameter)
    # As `from_pretrained_no_processing(.., center_writing_weights=True)` does it.
    weights = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        centred.load_and_process_state_dict(
            weights, fold_ln=False, center_writing_weights=True, center_unembed=False, fold_value_biases=False
        )
    with torch.no_grad():
        (logits, ours), (others, theirs) = plain.run_with_cache(tokens), centred.run_with_cache(tokens)
    pairs = {hook: (ours[f"blocks.1.{hook}"], theirs[f"blocks.1.{hook}"]) for hook in STREAM + INSIDE}
    same = [near(*pairs[hook]) for hook in STREAM]
    less_mean = [near(pairs[hook][0] - pairs[hook][0].mean(-1, keepdim=True), pairs[hook][1]) for hook in STREAM]
    inside = [near(*pairs[hook]) for hook in INSIDE]
    silent = not said and not logged.getvalue()
    print(f"{name}: stream the same {same}, less its mean {less_mean}; z and mlp.hook_post the same {inside}; silent {silent}")
    seen[name] = (set(same), set(less_mean), set(inside), near(logits, others), silent)
centred, as_it_is = ({False}, {True}, {True}, True, True), ({True}, {False}, {True}, True, True)
if list(seen.values()) != [centred, as_it_is, as_it_is]:
    raise SystemExit("changed")
PYTHON
