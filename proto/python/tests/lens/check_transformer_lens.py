"""Does what docs/transformer-lens.md says with TransformerLens itself, and compares scores.

    python check_transformer_lens.py PATCHSWEEP WORKER DATA

The model is the one of this repository. TransformerLens is outside CI: it needs a few hundred MB of packages besides torch.
"""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.update(TQDM_DISABLE="1", HF_HUB_OFFLINE="1", PATCHSWEEP_CONFIG="")

import numpy as np
import patchsweep
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import GPT2LMHeadModel

#: A tensor of patchsweep for each function of TransformerLens, by the grid that the page gives.
GRIDS = {
    "get_act_patch_resid_pre": ("resid_pre", ["layer", "pos"]),
    "get_act_patch_resid_mid": ("resid_mid", ["layer", "pos"]),
    "get_act_patch_attn_out": ("attn_out", ["layer", "pos"]),
    "get_act_patch_mlp_out": ("mlp_out", ["layer", "pos"]),
    "get_act_patch_attn_head_out_by_pos": ("z", ["layer", "pos", "head"]),
    "get_act_patch_attn_head_q_by_pos": ("q", ["layer", "pos", "head"]),
    "get_act_patch_attn_head_k_by_pos": ("k", ["layer", "pos", "head"]),
    "get_act_patch_attn_head_v_by_pos": ("v", ["layer", "pos", "head"]),
    "get_act_patch_attn_head_pattern_by_pos": ("pattern", ["layer", "head", "dest_pos"]),
    "get_act_patch_attn_head_pattern_dest_src_pos": ("pattern", ["layer", "head", "dest_pos", "src_pos"]),
    "get_act_patch_attn_head_out_all_pos": ("z", ["layer", "head"]),
    "get_act_patch_attn_head_q_all_pos": ("q", ["layer", "head"]),
    "get_act_patch_attn_head_k_all_pos": ("k", ["layer", "head"]),
    "get_act_patch_attn_head_v_all_pos": ("v", ["layer", "head"]),
    "get_act_patch_attn_head_pattern_all_pos": ("pattern", ["layer", "head"]),
}

TOLERANCE = 5e-5


def load(folder: Path) -> HookedTransformer:
    """With the processing of `HookedTransformer.from_pretrained`."""
    plain = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True)
    c = plain.config
    config = HookedTransformerConfig(
        n_layers=c.n_layer, n_heads=c.n_head, d_model=c.n_embd, d_head=c.n_embd // c.n_head, d_mlp=c.n_inner or 4 * c.n_embd,
        n_ctx=c.n_positions, d_vocab=c.vocab_size, act_fn=c.activation_function, normalization_type="LN",
        eps=c.layer_norm_epsilon, device="cpu",
    )  # fmt: skip
    model = HookedTransformer(config)
    model.load_and_process_state_dict(convert_gpt2_weights(plain, config), fold_ln=True, center_writing_weights=True, center_unembed=True)
    return model.eval()


def main() -> None:
    program, worker, data = (Path(argument).resolve() for argument in sys.argv[1:4])
    torch.set_grad_enabled(False)
    model = load(data / "acronym-gpt2")
    clean = torch.tensor([[0, 2, 285, 316, 247, 550], [0, 2, 316, 247, 285, 550], [0, 2, 409, 191, 247, 550]])
    corrupted = torch.tensor([[0, 2, 409, 316, 191, 550], [0, 2, 191, 247, 409, 550], [0, 2, 285, 316, 247, 550]])
    answers = torch.tensor([[564, 565], [569, 565], [573, 551]])

    def metric(logits: torch.Tensor) -> torch.Tensor:
        right, wrong = logits[:, -1].gather(1, answers).unbind(1)
        return (right - wrong).mean()

    grids = [{"name": name, "component": component, "axes": axes} for name, (component, axes) in GRIDS.items()]
    with tempfile.TemporaryDirectory() as folder:
        spec = patchsweep.from_transformer_lens(
            model, clean, corrupted, answers, folder=folder, path="acronym-gpt2", grids=grids
        )
        out = Path(folder) / "out"
        environment = {**os.environ, "PATCHSWEEP_WORKER": str(worker)}
        command = [program, "run", f"{folder}/{spec['name']}.toml", "--models", data, "--out", out]
        subprocess.run(list(map(str, command)), check=True, env=environment, stdout=subprocess.DEVNULL)
        ds = patchsweep.load(out)
    _, cache = model.run_with_cache(clean)
    worst = 0.0
    for name in GRIDS:
        theirs = getattr(patching, name)(model, corrupted, cache, metric).numpy()
        worst = max(worst, float(np.abs(ds[f"{name}.value"].values[0] - theirs).max()))
    assert worst <= TOLERANCE, worst
    release = importlib.metadata.version("transformer-lens")
    print(f"check_transformer_lens: {len(GRIDS)} functions of TransformerLens {release} agree, largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
