"""Models with random weights, written by the standard library alone, as fast as the disk takes them."""

import json
import math
import os

# The highest byte of a number without its sign: the exponent but for its last bit. So sizes are between 1/32 and 1/8, and between
# 1/128 and 1/32. Where nothing is said, numbers are 1.
LARGE, SMALL = 0x3D, 0x3C
# Numbers of a block of random ones, which tensors repeat. A prime, so that rows of a matrix are not equal.
BLOCK = 16_777_213
WIDTHS = {"float32": 4, "bfloat16": 2}
ONE = {"float32": b"\x00\x00\x80\x3f", "bfloat16": b"\x80\x3f"}

GPT2 = dict(model_type="gpt2", n_layer=12, n_embd=768, n_head=12, n_positions=1024, n_ctx=1024, vocab_size=50257,
            layer_norm_epsilon=1e-5, activation_function="gelu_new", tie_word_embeddings=True,
            architectures=["GPT2LMHeadModel"])
LLAMA_1B = dict(model_type="llama", num_hidden_layers=16, hidden_size=2048, num_attention_heads=32, num_key_value_heads=8,
                head_dim=64, intermediate_size=8192, vocab_size=128256, max_position_embeddings=8192, rms_norm_eps=1e-5,
                rope_theta=500000.0, hidden_act="silu", tie_word_embeddings=True, architectures=["LlamaForCausalLM"])
LLAMA_8B = LLAMA_1B | dict(num_hidden_layers=32, hidden_size=4096, head_dim=128, intermediate_size=14336,
                           tie_word_embeddings=False)

SMALL_GPT2 = dict(n_layer=3, n_embd=64, n_head=4, n_positions=128, n_ctx=128, vocab_size=160)
SMALL_LLAMA = dict(num_hidden_layers=8, hidden_size=192, num_attention_heads=6, num_key_value_heads=2, head_dim=32,
                   intermediate_size=512, vocab_size=160)


def gpt2_tensors(of):
    """Names, shapes, and which numbers."""
    width = of["n_embd"]
    yield "wte.weight", (of["vocab_size"], width), SMALL
    yield "wpe.weight", (of["n_positions"], width), SMALL
    for layer in range(of["n_layer"]):
        for name, shape in [("attn.c_attn", (width, 3 * width)), ("attn.c_proj", (width, width)),
                            ("mlp.c_fc", (width, 4 * width)), ("mlp.c_proj", (4 * width, width))]:
            yield f"h.{layer}.{name}.weight", shape, LARGE
            yield f"h.{layer}.{name}.bias", shape[1:], SMALL
        for norm in ("ln_1", "ln_2"):
            yield from norm_of(f"h.{layer}.{norm}", width)
    yield from norm_of("ln_f", width)


def norm_of(name, width):
    yield f"{name}.weight", (width,), None
    yield f"{name}.bias", (width,), SMALL


def llama_tensors(of):
    width, hidden, head = of["hidden_size"], of["intermediate_size"], of["head_dim"]
    queries, keys = of["num_attention_heads"] * head, of["num_key_value_heads"] * head
    yield "model.embed_tokens.weight", (of["vocab_size"], width), SMALL
    for layer in range(of["num_hidden_layers"]):
        for name, shape in [("self_attn.q_proj", (queries, width)), ("self_attn.k_proj", (keys, width)),
                            ("self_attn.v_proj", (keys, width)), ("self_attn.o_proj", (width, queries)),
                            ("mlp.gate_proj", (hidden, width)), ("mlp.up_proj", (hidden, width)),
                            ("mlp.down_proj", (width, hidden))]:
            yield f"model.layers.{layer}.{name}.weight", shape, SMALL if width > 1024 else LARGE
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"model.layers.{layer}.{norm}.weight", (width,), None
    yield "model.norm.weight", (width,), None
    if not of["tie_word_embeddings"]:
        yield "lm_head.weight", (of["vocab_size"], width), SMALL


TENSORS = {"gpt2": gpt2_tensors, "llama": llama_tensors}


def write(folder, config, dtype):
    """A Hugging Face folder. Gives the bytes of its weights."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config | {"torch_dtype": dtype}))
    tensors, header, end = list(TENSORS[config["model_type"]](config)), {}, 0
    for name, shape, _ in tensors:
        start, end = end, end + math.prod(shape) * WIDTHS[dtype]
        header[name] = {"dtype": {"float32": "F32", "bfloat16": "BF16"}[dtype], "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    largest = max(math.prod(shape) for _, shape, _ in tensors)
    numbers = {high: Numbers(high, dtype, min(BLOCK, largest)) for high in {kind for *_, kind in tensors} - {None}}
    with open(folder / "model.safetensors", "wb", buffering=0) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape, kind in tensors:
            count = math.prod(shape)
            for piece in [ONE[dtype] * count] if kind is None else numbers[kind].next(count):
                write_all(file, piece)
    return end


class Numbers:
    """Random ones of a size, again and again the same, but each tensor's begin where the last one's end."""

    def __init__(self, high, dtype, count):
        self.width, self.at = WIDTHS[dtype], 0
        signs = bytes(high | (value & 1) << 7 for value in range(256))
        block = bytearray(count * self.width)
        for place in range(self.width):
            drawn = os.urandom(count)
            block[place::self.width] = drawn.translate(signs) if place == self.width - 1 else drawn
        self.block = memoryview(bytes(block))

    def next(self, count):
        """So many, in pieces."""
        left = count * self.width
        while left:
            piece = self.block[self.at:self.at + left]
            self.at = (self.at + len(piece)) % len(self.block)
            left -= len(piece)
            yield piece


def write_all(file, piece):
    piece = memoryview(piece)
    while piece:
        piece = piece[file.write(piece):]
