#!/bin/sh
# How many FLOPs PyTorch's FlopCounterMode counts of attention on a CPU.
#
# One would guess: scaled_dot_product_attention counts as the two products that it stands for, 4 * heads * queries * keys * width, on every
# device; at most, with is_causal, as half of that.
# What happens: on a CPU it counts 0, with a mask, causally and without gradients, for the operator that it becomes there is not
# among those that the counter has a formula for. The same attention written out as matrix products is counted. So the rate of a
# model that transformers opens with its default attention comes out too low, the more so the longer the prompts.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.11.0 numpy==2.4.6
cat > "$folder/count.py" <<'PYTHON'
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

HEADS, LENGTH, WIDTH = 4, 128, 32
x = torch.randn(1, HEADS, LENGTH, WIDTH)
mask = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()

def counted(attend):
    with FlopCounterMode(display=False) as counter:
        attend()
    return counter.get_total_flops()

def without_gradients():
    with torch.no_grad():
        scaled_dot_product_attention(x, x, x)

print(4 * HEADS * LENGTH * LENGTH * WIDTH,
      counted(lambda: (x @ x.transpose(-1, -2) / WIDTH ** 0.5).softmax(-1) @ x),
      counted(lambda: scaled_dot_product_attention(x, x, x)),
      counted(lambda: scaled_dot_product_attention(x, x, x, is_causal=True)),
      counted(lambda: scaled_dot_product_attention(x, x, x, attn_mask=mask)),
      counted(without_gradients))
PYTHON
seen=$("$folder/venv/bin/python" "$folder/count.py")
echo "torch 2.11.0 on a CPU, FLOPs of one attention: by formula, written out, by scaled_dot_product_attention plain, causal, masked, without gradients: $seen"
test "$seen" = "8388608 8388608 0 0 0 0" || { echo "the behaviour has changed" >&2; exit 1; }
