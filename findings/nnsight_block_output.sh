#!/bin/bash
# nnsight: which prompts does `block.output[0][:] = value` patch?
#
# One would guess: all of them. A block of GPT-2 used to return a tuple whose first item is the hidden states, and
# tutorials patch `model.transformer.h[i].output[0][:]`. With transformers 5 a block returns the tensor itself, so `[0]`
# is the first prompt: only that one is patched, without a word, and `output[0][:, pos]` even reads `pos` as a channel.
# `.output[:]` patches all prompts.
#
# Installs torch (several GB). Exits with 1 if the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nnsight==0.8.1 transformers==5.24.0 torch==2.11.0 numpy==2.4.6
export HF_HUB_OFFLINE=1
# nnsight reads the source of what it traces, so it needs a file.
cat > "$folder/finding.py" <<'PYTHON'
import sys
import nnsight, torch, transformers
from nnsight import NNsight
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
torch.set_grad_enabled(False)
config = GPT2Config(vocab_size=50, n_positions=8, n_embd=16, n_layer=2, n_head=2)
plain = GPT2LMHeadModel(config).eval()
model = NNsight(plain)
tokens = torch.randint(0, 50, (3, 5))
before = plain(tokens).logits


def changed(first_only):
    """Which prompts' logits differ once block 0's output is zeroed."""
    with model.trace(tokens):
        block = model.transformer.h[0]
        if first_only:
            block.output[0][:] = 0
        else:
            block.output[:] = 0
        logits = model.lm_head.output.save()
    return [not torch.equal(a, b) for a, b in zip(logits, before)]


kind = type(plain.transformer.h[0](plain.transformer.wte(tokens))).__name__
with_zero, whole = changed(True), changed(False)
print(f"nnsight {nnsight.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
print(f"a block of GPT-2 returns: {kind}")
print(f"prompts changed by output[0][:] = 0: {with_zero}")
print(f"prompts changed by output[:] = 0:    {whole}")
sys.exit(0 if (kind, with_zero, whole) == ("Tensor", [True, False, False], [True] * 3) else 1)
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
