"""What configs are drawn from: every key of a family's class that changes the arithmetic."""

import transformers

# Keys of all classes that change nothing that is computed for a prompt.
HARMLESS = {
    "_name_or_path", "architectures", "attention_dropout", "attn_pdrop", "bos_token_id", "chunk_size_feed_forward",
    "classifier_dropout", "dropout", "dtype", "embd_pdrop", "embed_dropout", "eos_token_id", "hidden_dropout", "id2label",
    "init_std", "initializer_range", "is_decoder", "is_encoder_decoder", "label2id", "layerdrop", "model_type",
    "output_attentions", "output_hidden_states", "pad_token_id", "pretraining_tp", "problem_type", "resid_dropout",
    "resid_pdrop", "return_dict", "transformers_version", "use_cache",
    # Of heads for classification, and of a decoder beside an encoder.
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
    "add_cross_attention",
    # Of images.
    "boi_token_index", "eoi_token_index", "image_token_index", "mm_tokens_per_image", "vision_config",
    # Of a rotation that is refused; and what classes make of other keys.
    "original_max_position_embeddings", "_sliding_window_pattern", "attention_layers",
}

ACTIVATIONS = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu"]
EPS = [1e-6, 1e-5, 1e-2]
FLAG = [False, True]
LAYERS = 3


def rope(draw, part=None):
    parameters = {"rope_type": "default", "rope_theta": draw([50.0, 1000.0, 1e6])}
    # Of two entries, transformers divides by zero to see how `dynamic` changes them.
    kind = draw(["default", "linear", "llama3"] + ["dynamic"] * (part != 0.25))
    if kind != "default":
        parameters |= {"rope_type": kind, "factor": draw([1.5, 4.0])}
    if kind == "llama3":
        parameters |= {"low_freq_factor": 1.0, "high_freq_factor": draw([2.0, 4.0]),
                       "original_max_position_embeddings": draw([8, 24])}
    return parameters if part is None else parameters | {"partial_rotary_factor": part}


def sizes(draw):
    kv_heads, group, width = draw([1, 2]), draw([1, 2, 3]), draw([4, 8])
    heads = kv_heads * group
    return dict(vocab_size=40, hidden_size=heads * width, intermediate_size=draw([24, 36]), num_hidden_layers=LAYERS,
                num_attention_heads=heads, max_position_embeddings=32, tie_word_embeddings=draw(FLAG), pad_token_id=None)


def grouped(draw):
    drawn = sizes(draw)
    heads = drawn["num_attention_heads"]
    return drawn | dict(num_key_value_heads=draw([count for count in (1, 2, 3) if heads % count == 0]),
                        hidden_act=draw(ACTIVATIONS))


def rms(draw):
    return grouped(draw) | dict(rms_norm_eps=draw(EPS), rope_parameters=rope(draw))


def kinds(draw):
    return [draw(["full_attention", "sliding_attention"]) for _ in range(LAYERS)]


def window(draw):
    if not draw(FLAG):
        return dict(use_sliding_window=False, sliding_window=4, max_window_layers=draw([0, 1]))
    return dict(use_sliding_window=True, sliding_window=draw([2, 4]), max_window_layers=draw([0, 1, 2])) | draw(
        [{}, dict(layer_types=kinds(draw))])


def head_dim(draw):
    return draw([6, 10])


def llama(draw):
    return rms(draw) | dict(head_dim=draw([None, 6]), attention_bias=draw(FLAG), mlp_bias=draw(FLAG))


def mistral(draw):
    return rms(draw) | dict(head_dim=draw([None, 6]), sliding_window=draw([None, 2, 5]))


def qwen2(draw):
    return rms(draw) | window(draw)


def qwen3(draw):
    return rms(draw) | window(draw) | dict(head_dim=head_dim(draw), attention_bias=draw(FLAG))


def gemma(draw):
    return rms(draw) | dict(head_dim=head_dim(draw), attention_bias=draw(FLAG), use_bidirectional_attention=None)


def gemma2(draw):
    drawn = gemma(draw)
    return {key: value for key, value in drawn.items() if key != "hidden_act"} | dict(
        hidden_activation=drawn["hidden_act"], query_pre_attn_scalar=draw([7, 16]), sliding_window=draw([2, 4]),
        attn_logit_softcapping=draw([None, 2.0]), final_logit_softcapping=draw([None, 3.0]),
        layer_types=draw([None, kinds(draw)]))


def gemma3_text(draw):
    return gemma2(draw) | dict(attn_logit_softcapping=None, rope_parameters={
        "full_attention": rope(draw), "sliding_attention": rope(draw)})


def gemma3(draw):
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=4)
    drawn = gemma3_text(draw) | dict(final_logit_softcapping=None)
    return dict(text_config=drawn, vision_config=vision, mm_tokens_per_image=4,
                tie_word_embeddings=drawn["tie_word_embeddings"])


def phi(draw):
    return partial(draw) | dict(layer_norm_eps=draw(EPS), qk_layernorm=False)


def partial(draw):
    """Heads of 8 entries, of which an even number is rotated."""
    drawn = grouped(draw)
    return drawn | dict(hidden_size=8 * drawn["num_attention_heads"], rope_parameters=rope(draw, draw([0.25, 0.5, 0.8, 1.0])))


def phi3(draw):
    parameters = {"rope_type": "default", "rope_theta": draw([50.0, 1000.0])}
    return partial(draw) | dict(rms_norm_eps=draw(EPS), sliding_window=draw([None, 2, 4]),
                                rope_parameters=parameters | {"partial_rotary_factor": draw([0.25, 0.5, 0.8, 1.0])})


def stablelm(draw):
    return partial(draw) | dict(layer_norm_eps=draw(EPS), use_qkv_bias=draw(FLAG), use_parallel_residual=draw(FLAG),
                                qk_layernorm=False)


def olmo(draw):
    return grouped(draw) | dict(rope_parameters=rope(draw), attention_bias=draw(FLAG), clip_qkv=draw([None, 0.5]))


def olmo2(draw):
    return rms(draw) | dict(attention_bias=draw(FLAG))


def smollm3(draw):
    drawn = rms(draw) | dict(attention_bias=draw(FLAG), mlp_bias=draw(FLAG))
    drawn |= draw([dict(no_rope_layer_interval=draw([1, 2, 3])), dict(no_rope_layers=[draw([0, 1]) for _ in range(LAYERS)])])
    window = dict(use_sliding_window=True, sliding_window=draw([2, 4]))
    return drawn | draw([{}, window, window | dict(layer_types=kinds(draw))])


def granite(draw):
    return rms(draw) | dict(attention_bias=draw(FLAG), mlp_bias=draw(FLAG), embedding_multiplier=draw([1.0, 6.0]),
                            attention_multiplier=draw([0.1, 1.0]), residual_multiplier=draw([1.0, 0.3]),
                            logits_scaling=draw([1.0, 8.0]))


def gpt_neox(draw):
    drawn = sizes(draw)
    return drawn | dict(hidden_size=8 * drawn["num_attention_heads"], hidden_act=draw(ACTIVATIONS), layer_norm_eps=draw(EPS),
                        use_parallel_residual=draw(FLAG), attention_bias=draw(FLAG),
                        rope_parameters=rope(draw, draw([0.25, 0.5, 0.8, 1.0])))


def gpt(draw):
    heads = draw([1, 2, 3])
    return dict(vocab_size=40, n_embd=8 * heads, n_head=heads, n_layer=LAYERS, n_positions=16, n_inner=draw([None, 20]),
                activation_function=draw(ACTIVATIONS), layer_norm_epsilon=draw(EPS), tie_word_embeddings=draw(FLAG))


def gpt2(draw):
    return gpt(draw) | dict(scale_attn_weights=draw(FLAG), scale_attn_by_inverse_layer_idx=draw(FLAG),
                            reorder_and_upcast_attn=draw(FLAG))


def gptj(draw):
    return gpt(draw) | dict(rotary_dim=draw([2, 4, 8]))


def gpt_neo(draw):
    heads = draw([1, 2, 3])
    types = draw([[[["global", "local"], 1], [["local"], 1]], [[["local"], 3]], [[["global", "local", "global"], 1]]])
    return dict(vocab_size=40, hidden_size=8 * heads, num_heads=heads, num_layers=LAYERS, max_position_embeddings=16,
                intermediate_size=draw([None, 20]), activation_function=draw(ACTIVATIONS), layer_norm_epsilon=draw(EPS),
                window_size=draw([2, 4]), attention_types=types, tie_word_embeddings=draw(FLAG))


def opt(draw):
    heads = draw([1, 2, 3])
    return dict(vocab_size=40, hidden_size=8 * heads, num_hidden_layers=LAYERS, num_attention_heads=heads, ffn_dim=20,
                max_position_embeddings=16, word_embed_proj_dim=8 * heads, activation_function=draw(ACTIVATIONS),
                enable_bias=draw(FLAG), layer_norm_elementwise_affine=draw(FLAG), _remove_final_layer_norm=draw(FLAG),
                do_layer_norm_before=True, tie_word_embeddings=draw(FLAG))


FAMILIES = {
    "gpt2": (transformers.GPT2Config, gpt2),
    "gpt_neo": (transformers.GPTNeoConfig, gpt_neo),
    "gpt_neox": (transformers.GPTNeoXConfig, gpt_neox),
    "gptj": (transformers.GPTJConfig, gptj),
    "opt": (transformers.OPTConfig, opt),
    "llama": (transformers.LlamaConfig, llama),
    "mistral": (transformers.MistralConfig, mistral),
    "qwen2": (transformers.Qwen2Config, qwen2),
    "qwen3": (transformers.Qwen3Config, qwen3),
    "gemma": (transformers.GemmaConfig, gemma),
    "gemma2": (transformers.Gemma2Config, gemma2),
    "gemma3_text": (transformers.Gemma3TextConfig, gemma3_text),
    "gemma3": (transformers.Gemma3Config, gemma3),
    "phi": (transformers.PhiConfig, phi),
    "phi3": (transformers.Phi3Config, phi3),
    "olmo": (transformers.OlmoConfig, olmo),
    "olmo2": (transformers.Olmo2Config, olmo2),
    "smollm3": (transformers.SmolLM3Config, smollm3),
    "granite": (transformers.GraniteConfig, granite),
    "stablelm": (transformers.StableLmConfig, stablelm),
}
