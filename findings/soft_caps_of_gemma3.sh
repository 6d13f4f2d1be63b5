#!/bin/sh
# One would guess: the soft caps that a config of Gemma 3 has keys for (`attn_logit_softcapping`, `final_logit_softcapping`)
# are applied, as they are for Gemma 2; and that the text part of a model with images gives the logits of the same weights without
# them.
# What happens: no class of Gemma 3 caps attention scores, whatever the key says. The class for text alone caps logits, and the
# class with images does not, so that equal weights and an equal text config give other logits.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import sys
import torch
import transformers
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma3Config, Gemma3TextConfig

print("transformers", transformers.__version__)
SIZES = dict(vocab_size=40, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
             num_key_value_heads=1, head_dim=8, query_pre_attn_scalar=1, max_position_embeddings=16, pad_token_id=None)
VISION = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=4)
TOKENS = torch.arange(2, 10)[None]


def logits(config):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for name, parameter in sorted(model.named_parameters()):
        if "vision" not in name and "projector" not in name:
            generator = torch.Generator().manual_seed(sum(name.split(".")[-2].encode()) + parameter.numel())
            parameter.data = torch.randn(parameter.shape, generator=generator)
    with torch.no_grad():
        return model(TOKENS, use_cache=False).logits


def change(config, key, wrap=lambda text: text):
    """By how much a cap of 2 changes the logits."""
    plain = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
    with_cap, without = [logits(wrap(config(**SIZES, **(plain | {key: cap})))) for cap in (2.0, None)]
    return float((with_cap - without).abs().max())


with_images = lambda text: Gemma3Config(text_config=text.to_dict(), vision_config=VISION, mm_tokens_per_image=4)
found = {}
for key in ["attn_logit_softcapping", "final_logit_softcapping"]:
    found[key] = [change(Gemma2Config, key), change(Gemma3TextConfig, key), change(Gemma3TextConfig, key, with_images)]
    print(f"{key:24} changes logits of Gemma 2 by {found[key][0]:.2f}, of Gemma 3 by {found[key][1]:.2f}, "
          f"with images by {found[key][2]:.2f}")
changes = {key: [value > 0 for value in values] for key, values in found.items()}
wanted = {"attn_logit_softcapping": [True, False, False], "final_logit_softcapping": [True, True, False]}
sys.exit(0 if changes == wanted else 1)
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers==5.24.0" "torch==2.11.0"
"$folder/venv/bin/python" "$folder/show.py"
