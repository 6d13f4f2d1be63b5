"""Scores of one case folder by TransformerLens, one forward pass per cell."""

import json
import os
import tomllib

os.environ["TQDM_DISABLE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import GPT2LMHeadModel

torch.set_grad_enabled(False)
torch.set_num_threads(1)  # the same order of additions on every run

# Name in scores.npz -> TransformerLens' sweep; the comment gives the axes after `iteration`.
SWEEPS = {
    # layer, pos
    "resid_pre": patching.get_act_patch_resid_pre,
    "resid_mid": patching.get_act_patch_resid_mid,
    "attn_out": patching.get_act_patch_attn_out,
    "mlp_out": patching.get_act_patch_mlp_out,
    # layer, head
    "head_z": patching.get_act_patch_attn_head_out_all_pos,
    "head_q": patching.get_act_patch_attn_head_q_all_pos,
    "head_k": patching.get_act_patch_attn_head_k_all_pos,
    "head_v": patching.get_act_patch_attn_head_v_all_pos,
    "head_pattern": patching.get_act_patch_attn_head_pattern_all_pos,
    # layer, pos, head
    "head_z_by_pos": patching.get_act_patch_attn_head_out_by_pos,
    "head_q_by_pos": patching.get_act_patch_attn_head_q_by_pos,
    "head_k_by_pos": patching.get_act_patch_attn_head_k_by_pos,
    "head_v_by_pos": patching.get_act_patch_attn_head_v_by_pos,
    # layer, head, dest pos
    "head_pattern_by_pos": patching.get_act_patch_attn_head_pattern_by_pos,
    # layer, head, dest pos, src pos
    "head_pattern_dest_src": patching.get_act_patch_attn_head_pattern_dest_src_pos,
}


def load_hugging_face(folder):
    """The plain model, in float32 whatever the stored type; every parameter must come from the files."""
    model, info = GPT2LMHeadModel.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True, output_loading_info=True)
    problems = {kind: names for kind, names in info.items() if names}
    if problems:
        raise ValueError(f"{folder}: {problems}")
    return model.eval()


def to_transformer_lens(plain):
    """The same model with the founding notebook's weight processing."""
    c = plain.config
    config = HookedTransformerConfig(
        n_layers=c.n_layer, n_heads=c.n_head, d_model=c.n_embd, d_head=c.n_embd // c.n_head,
        d_mlp=c.n_inner or 4 * c.n_embd, n_ctx=c.n_positions, d_vocab=c.vocab_size, act_fn=c.activation_function,
        normalization_type="LN", eps=c.layer_norm_epsilon, device="cpu")
    model = HookedTransformer(config)
    model.load_and_process_state_dict(
        convert_gpt2_weights(plain, config), fold_ln=True, center_writing_weights=True, center_unembed=True,
        refactor_factored_attn_matrices=True)
    return model.eval()


def logit_diff_max(logits, read, answers, candidates):
    """Mean over prompts of logit(answer) - max over the other candidates, at one position."""
    at_read = logits[:, read]
    others = at_read[:, candidates].masked_fill(candidates == answers[:, None], -torch.inf)
    return (at_read.gather(1, answers[:, None]).squeeze(1) - others.amax(1)).mean()


def score(folder):
    """All sweeps of the case in `folder`, and the two baselines, as float32 [iteration, axes..]."""
    spec = tomllib.loads((folder / "spec.toml").read_text())
    dataset = json.loads((folder / spec["dataset"]["tokens"]).read_text())
    candidates = torch.tensor(spec["metric"][0]["candidate_ids"])
    answers = torch.tensor(dataset["answers"])
    clean = torch.tensor(dataset["clean"])
    plain = load_hugging_face(folder / spec["model"]["path"])
    lens = to_transformer_lens(plain)

    rows = {name: [] for name in ["clean_metric", "corrupted_metric", *SWEEPS]}
    for iteration, corrupted in zip(spec["iteration"], dataset["corrupted"], strict=True):
        corrupted = torch.tensor(corrupted)

        def metric(logits):
            return logit_diff_max(logits, iteration["read"], answers[:, iteration["answer"]], candidates)

        for name, ids in [("clean_metric", clean), ("corrupted_metric", corrupted)]:
            ours, theirs = metric(lens(ids)), metric(plain(ids).logits)
            if abs(ours - theirs) > 1e-4:
                raise ValueError(f"{folder.name}: {name}: TransformerLens {ours}, Hugging Face {theirs}")
            rows[name].append(ours.numpy())
        # TransformerLens speaks of denoising; here the run that is patched is the clean one.
        _, cache = lens.run_with_cache(corrupted)
        for name, sweep in SWEEPS.items():
            rows[name].append(sweep(lens, clean, cache, metric).numpy())
    return {name: np.stack(values).astype(np.float32) for name, values in rows.items()}
