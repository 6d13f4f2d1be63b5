"""Dictionaries as SAELens writes them, and what it makes of activations: pip install sae-lens==6.54.12 torch==2.11.0 numpy==2.4.6

python make.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sae_lens import SAE
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.gated_sae import GatedSAE, GatedSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
from sae_lens.saes.topk_sae import TopKSAE, TopKSAEConfig, TopKTrainingSAE, TopKTrainingSAEConfig

WIDTH, FEATURES = 4, 6
out = Path(sys.argv[1])
torch.manual_seed(0)


def config(of, model=None, **more):
    metadata = SAEMetadata(hook_name="blocks.1.hook_resid_pre", **(model or {}))
    return of(d_in=WIDTH, d_sae=FEATURES, metadata=metadata, **more)


def written(name, sae, save="save_model"):
    for parameter in sae.parameters():
        parameter.data = 0.5 * torch.randn_like(parameter)
    if hasattr(sae, "topk_threshold"):
        sae.topk_threshold.fill_(0.25)
    getattr(sae, save)(out / name)
    return SAE.load_from_disk(out / name)


saes = {
    "standard": written("standard", StandardSAE(config(StandardSAEConfig))),
    "without_b_dec": written("without_b_dec", StandardSAE(config(StandardSAEConfig, apply_b_dec_to_input=False))),
    "jumprelu": written("jumprelu", JumpReLUSAE(config(JumpReLUSAEConfig))),
    "gated": written("gated", GatedSAE(config(GatedSAEConfig))),
    "topk": written("topk", TopKSAE(config(TopKSAEConfig, k=2))),
    "topk_rescaled": written("topk_rescaled", TopKSAE(config(TopKSAEConfig, k=2, rescale_acts_by_decoder_norm=True))),
    "topk_trained": written(
        "topk_trained",
        TopKTrainingSAE(config(TopKTrainingSAEConfig, k=2, rescale_acts_by_decoder_norm=True)),
        "save_inference_model",
    ),
    "batchtopk_trained": written(
        "batchtopk_trained", BatchTopKTrainingSAE(config(BatchTopKTrainingSAEConfig, k=2)), "save_inference_model"
    ),
    "half": written("half", StandardSAE(config(StandardSAEConfig, dtype="bfloat16"))).to(torch.float32),
}
saes["half"].dtype = torch.float32
x = torch.randn(5, WIDTH)
of_centred_model = {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
saes["centred"] = written("centred", StandardSAE(config(StandardSAEConfig, of_centred_model)))
expected = {}
with torch.no_grad():
    for name, sae in saes.items():
        # A model with centred weights has these activations where one without has x.
        features = sae.encode(x - x.mean(dim=-1, keepdim=True) if name == "centred" else x)
        expected[name] = {
            "features": features.tolist(),
            "directions": (sae.decode(torch.eye(FEATURES)) - sae.b_dec).tolist(),
        }
# Gemma Scope's file has the numbers of a jumprelu dictionary that does not take b_dec off its input.
gemma = saes["jumprelu"]
arrays = {name: getattr(gemma, name).detach().numpy() for name in ["W_enc", "W_dec", "b_enc", "b_dec", "threshold"]}
(out / "gemma_scope").mkdir(exist_ok=True)
np.savez(out / "gemma_scope" / "params.npz", **arrays)
with torch.no_grad():
    gemma.cfg.apply_b_dec_to_input = False
    expected["gemma_scope"] = {"features": gemma.encode(x).tolist(), "directions": gemma.W_dec.tolist()}
(out / "expected.json").write_text(json.dumps({"x": x.tolist(), "dictionaries": expected}, indent=1) + "\n")
