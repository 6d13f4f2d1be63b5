#!/usr/bin/env bash
# A SAELens dictionary whose cfg.json says how activations are normalized before they are encoded. One would guess that
# `SAE.load_from_disk` gives a dictionary that does so, or says that it cannot. With sae-lens 6.54.12 it does so for
# `layer_norm` and `constant_norm_rescale`; with `expected_average_only_in` and `covariance_whitening` it loads without a word and
# encodes activations as they are: its features are those of `none`, and other than the ones it was trained for. They have to be
# folded into the weights first, by what was known at training.
# Installs torch with its libraries, 5 GB.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 safetensors==0.8.0 torch==2.11.0 transformers==5.24.0 \
    transformer-lens==3.9.0 sae-lens==6.54.12
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json, warnings
import torch
import sae_lens
from sae_lens import SAE
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig

print("sae-lens", sae_lens.__version__, "torch", torch.__version__)
torch.manual_seed(0)
sae = StandardSAE(StandardSAEConfig(d_in=4, d_sae=6))
for parameter in sae.parameters():
    parameter.data = torch.randn_like(parameter)
sae.save_model("sae")
x = 10 * torch.randn(5, 4)

def features(normalization):
    config = json.load(open("sae/cfg.json"))
    config["normalize_activations"] = normalization
    json.dump(config, open("sae/cfg.json", "w"))
    with warnings.catch_warnings(record=True) as said, torch.no_grad():
        warnings.simplefilter("always")
        encoded = SAE.load_from_disk("sae").encode(x)
    return encoded, [str(warning.message) for warning in said]

plain, _ = features("none")
same = {}
for normalization in ["layer_norm", "constant_norm_rescale", "expected_average_only_in", "covariance_whitening"]:
    encoded, said = features(normalization)
    same[normalization] = bool((encoded == plain).all()) and not said
    print(normalization, "- features as with none, without a warning:", same[normalization])
if list(same.values()) != [False, False, True, True]:
    raise SystemExit("changed")
PYTHON
