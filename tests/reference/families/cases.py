"""The cases: small random models of each family, as their config classes take them.

`legacy` says the same as folders do that older releases wrote: keys that they had, and those that came later.
"""

from dataclasses import dataclass, field

import transformers

SIZES = dict(vocab_size=48, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=32, bos_token_id=0, eos_token_id=1, pad_token_id=None)
GROUPED = SIZES | dict(num_key_value_heads=2)
GPT = dict(vocab_size=48, n_embd=24, n_layer=2, n_head=3, n_positions=16, bos_token_id=0, eos_token_id=1)


def rope(theta, **scaling):
    return dict(rope_parameters={"rope_type": "default", "rope_theta": theta} | scaling)


@dataclass(frozen=True)
class Case:
    """One folder. `saved`: how weights are stored, for save_pretrained. `constants`: tensors of old files beside them."""

    config: type
    keys: dict
    add: dict = field(default_factory=dict)
    drop: tuple = ()
    dtype: str = "float32"
    saved: dict = field(default_factory=dict)
    constants: tuple = ()

    @property
    def has_legacy(self):
        return bool(self.add or self.drop)


ROPE = ("rope_parameters", "dtype")
TEXT = GROUPED | dict(num_hidden_layers=3, head_dim=8, query_pre_attn_scalar=10, sliding_window=3, sliding_window_pattern=3)
TWO_ROTATIONS = dict(rope_parameters={"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 700.0},
                                      "sliding_attention": {"rope_type": "default", "rope_theta": 40.0}})
OLD_ROTATIONS = dict(rope_theta=700.0, rope_local_base_freq=40.0, rope_scaling={"rope_type": "linear", "factor": 4.0})

CASES = {
    "gpt2": Case(transformers.GPT2Config, GPT | dict(n_inner=40, reorder_and_upcast_attn=True, activation_function="gelu",
                 scale_attn_by_inverse_layer_idx=True, scale_attn_weights=False),
                 constants=("transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias")),
    "gpt_neo": Case(transformers.GPTNeoConfig, dict(vocab_size=48, hidden_size=24, num_layers=3, num_heads=3, window_size=3,
                    intermediate_size=40, max_position_embeddings=16, bos_token_id=0, eos_token_id=1,
                    attention_types=[[["local", "global", "local"], 1]])),
    "gpt_neox": Case(transformers.GPTNeoXConfig, SIZES | dict(attention_bias=True) | rope(90.0, partial_rotary_factor=0.67),
                     dict(rotary_emb_base=90.0, rotary_pct=0.67), ROPE,
                     constants=("gpt_neox.layers.0.attention.rotary_emb.inv_freq", "gpt_neox.layers.1.attention.bias")),
    "gpt_neox_sequential": Case(transformers.GPTNeoXConfig, SIZES | dict(use_parallel_residual=False, attention_bias=False,
                                hidden_act="gelu_new", tie_word_embeddings=True)
                                | rope(60.0, partial_rotary_factor=1.0, rope_type="linear", factor=2.0),
                                dict(rotary_emb_base=60.0, rotary_pct=1.0, rope_scaling={"type": "linear", "factor": 2.0}),
                                ROPE),
    "gptj": Case(transformers.GPTJConfig, GPT | dict(rotary_dim=6, tie_word_embeddings=True, activation_function="relu")),
    "opt": Case(transformers.OPTConfig, dict(vocab_size=48, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                ffn_dim=40, word_embed_proj_dim=24, max_position_embeddings=16, enable_bias=False, bos_token_id=0,
                eos_token_id=1, _remove_final_layer_norm=True, activation_function="gelu")),
    "llama": Case(transformers.LlamaConfig, GROUPED | dict(attention_bias=True, mlp_bias=True, head_dim=8,
                  tie_word_embeddings=True) | rope(200.0, rope_type="llama3", factor=4.0, low_freq_factor=1.0,
                  high_freq_factor=4.0, original_max_position_embeddings=16),
                  dict(rope_theta=200.0, rope_scaling={"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0,
                       "high_freq_factor": 4.0, "original_max_position_embeddings": 16}), ROPE,
                  constants=("model.layers.0.self_attn.rotary_emb.inv_freq",)),
    "mistral": Case(transformers.MistralConfig, GROUPED | dict(sliding_window=4, hidden_act="gelu", num_key_value_heads=1)
                    | rope(300.0), dict(rope_theta=300.0), ROPE, saved=dict(max_shard_size="20KB")),
    "qwen2": Case(transformers.Qwen2Config, GROUPED | dict(num_hidden_layers=3, use_sliding_window=True, sliding_window=4,
                  max_window_layers=1) | rope(400.0), dict(rope_theta=400.0, rope_scaling=None), (*ROPE, "layer_types"),
                  dtype="bfloat16"),
    "qwen3": Case(transformers.Qwen3Config, GROUPED | dict(head_dim=10, attention_bias=True) | rope(500.0),
                  dict(rope_theta=500.0, rope_scaling=None), (*ROPE, "layer_types"), dtype="float16"),
    "gemma": Case(transformers.GemmaConfig, GROUPED | dict(head_dim=8, attention_bias=True) | rope(150.0),
                  dict(rope_theta=150.0, hidden_act="gelu", hidden_activation=None), (*ROPE, "tie_word_embeddings")),
    "gemma2": Case(transformers.Gemma2Config, TEXT | dict(attn_logit_softcapping=3.0, final_logit_softcapping=5.0)
                   | rope(130.0), dict(rope_theta=130.0), (*ROPE, "layer_types", "tie_word_embeddings")),
    "gemma3_text": Case(transformers.Gemma3TextConfig, TEXT | dict(final_logit_softcapping=8.0) | TWO_ROTATIONS,
                        dict(sliding_window_pattern=3) | OLD_ROTATIONS, (*ROPE, "layer_types", "tie_word_embeddings")),
    "gemma3": Case(transformers.Gemma3Config, dict(text_config=TEXT | TWO_ROTATIONS, mm_tokens_per_image=4, vision_config=dict(
                   hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=4)),
                   dict(text_config=dict(sliding_window_pattern=3) | OLD_ROTATIONS),
                   ("dtype", "text_config.rope_parameters", "text_config.layer_types", "text_config.dtype")),
    "phi": Case(transformers.PhiConfig, SIZES | dict(hidden_size=32) | rope(70.0, partial_rotary_factor=0.5),
                dict(rope_theta=70.0, partial_rotary_factor=0.5), ROPE),
    "phi3": Case(transformers.Phi3Config, GROUPED | dict(hidden_size=32, sliding_window=4) | rope(80.0,
                 partial_rotary_factor=0.75), dict(rope_theta=80.0, partial_rotary_factor=0.75, rope_scaling=None), ROPE),
    "olmo": Case(transformers.OlmoConfig, GROUPED | dict(clip_qkv=0.8) | rope(110.0), dict(rope_theta=110.0), ROPE),
    "olmo2": Case(transformers.Olmo2Config, GROUPED | dict(attention_bias=True, rms_norm_eps=1e-4) | rope(120.0),
                  dict(rope_theta=120.0), ROPE),
    "smollm3": Case(transformers.SmolLM3Config, GROUPED | dict(num_hidden_layers=3, no_rope_layer_interval=2,
                    use_sliding_window=True, sliding_window=4) | rope(160.0), dict(rope_theta=160.0),
                    (*ROPE, "layer_types")),
    "granite": Case(transformers.GraniteConfig, GROUPED | dict(embedding_multiplier=3.0, logits_scaling=0.5,
                    residual_multiplier=0.6, attention_multiplier=0.3, mlp_bias=True, attention_bias=True) | rope(170.0),
                    dict(rope_theta=170.0, rope_scaling=None), ROPE),
    "stablelm": Case(transformers.StableLmConfig, GROUPED | dict(hidden_size=32, use_qkv_bias=True, use_parallel_residual=True)
                     | rope(180.0, partial_rotary_factor=0.25), dict(rope_theta=180.0, partial_rotary_factor=0.25), ROPE),
    "stablelm_sequential": Case(transformers.StableLmConfig, GROUPED | dict(hidden_size=32)
                                | rope(180.0, partial_rotary_factor=0.75), dict(rope_theta=180.0,
                                partial_rotary_factor=0.75), ROPE),
}
