"""Writes a model of GPT-2 small's width with random weights.

    python model.py FOLDER LAYERS [gpt2 | llama | gemma2 | tiny]

Those of the other families are shaped as theirs are: gated MLPs, a third as many key-value heads, rotary positions, RMS norms;
`gemma2` with norms behind too, capped scores and logits, and a window in every other layer. The vocabulary is GPT-2's. `tiny` is a GPT-2 of next to no bytes.
"""

import sys

import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

# Three matrices of this width have about as many numbers as two of GPT-2's.
GATED = dict(hidden_size=768, num_attention_heads=12, num_key_value_heads=4, intermediate_size=2048, vocab_size=50257,
             max_position_embeddings=1024, pad_token_id=0, bos_token_id=1, eos_token_id=2)
MAKERS = {
    "gpt2": lambda layers: GPT2LMHeadModel(GPT2Config(n_layer=layers, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)),
    "tiny": lambda layers: GPT2LMHeadModel(GPT2Config(n_layer=layers, n_embd=8, n_head=2, vocab_size=50, n_positions=8)),
    "llama": lambda layers: LlamaForCausalLM(LlamaConfig(num_hidden_layers=layers, **GATED)),
    "gemma2": lambda layers: Gemma2ForCausalLM(
        Gemma2Config(num_hidden_layers=layers, head_dim=64, query_pre_attn_scalar=64, sliding_window=512, **GATED)),
}
EMBEDDINGS = ("wte", "wpe", "embed_tokens", "lm_head")


def main():
    folder, layers, family = [*sys.argv[1:], "gpt2"][:3]
    torch.manual_seed(0)
    model = MAKERS[family](int(layers))
    for name, parameter in model.named_parameters():
        # Larger than at the start of a training, so that effects are not tiny.
        if parameter.ndim > 1 and not any(embedding in name for embedding in EMBEDDINGS):
            parameter.data.mul_(2.5)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main()
