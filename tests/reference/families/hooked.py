"""A transformers model whose activations can be read and replaced, by hooks on its own modules.

What each activation is, TransformerLens says: `q`, `k` and `v` are what is projected, per head; `attn_out` and `mlp_out`
what is added to the residual stream; `z` what the output projection reads.
"""

import sys
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


@dataclass(frozen=True)
class Layout:
    """Names of modules, those of a block relative to it."""

    blocks: str = "model.layers"
    norm: str | None = "input_layernorm"
    attention: str = "self_attn"
    # Three projections, or one with how its output holds the three: side by side, or head by head.
    projections: tuple = ("q_proj", "k_proj", "v_proj")
    fused: str | None = None
    output: str = "o_proj"
    # Whose outputs are added to the residual stream.
    attn_out: str = "self_attn"
    mlp_out: str = "mlp"


PLAIN = Layout()
NORMED_AFTER = dict(attn_out="post_attention_layernorm", mlp_out="post_feedforward_layernorm")
GPT = dict(blocks="transformer.h", norm="ln_1", attention="attn", output="out_proj", attn_out="attn")
LAYOUTS = {
    "gpt2": Layout(**GPT | dict(projections=("c_attn",), fused="sides", output="c_proj")),
    "gpt_neo": Layout(**GPT | dict(attention="attn.attention")),
    "gptj": Layout(**GPT),
    "gpt_neox": Layout(blocks="gpt_neox.layers", attention="attention", projections=("query_key_value",), fused="heads",
                       output="dense", attn_out="attention"),
    "opt": Layout(blocks="model.decoder.layers", norm="self_attn_layer_norm", output="out_proj", mlp_out="fc2"),
    "phi": Layout(output="dense"),
    "phi3": Layout(projections=("qkv_proj",), fused="sides"),
    "gemma2": Layout(**NORMED_AFTER),
    "gemma3_text": Layout(**NORMED_AFTER),
    "gemma3": Layout(blocks="model.language_model.layers", **NORMED_AFTER),
    "olmo2": Layout(norm=None, **NORMED_AFTER),
}


class Hooked:
    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        config = self.model.config
        self.layout = LAYOUTS.get(config.model_type, PLAIN)
        text = config.get_text_config()
        self.blocks = self.model.get_submodule(self.layout.blocks)
        self.heads = text.num_attention_heads
        self.kv_heads = getattr(text, "num_key_value_heads", None) or self.heads
        self.width = getattr(text, "head_dim", None) or text.hidden_size // self.heads
        # Of what attention and MLP add to the residual stream.
        self.factor = getattr(text, "residual_multiplier", 1.0)

    def logits(self, tokens):
        return self.model(tokens, use_cache=False).logits

    def read(self, tokens, component, layer):
        """What an activation is in a run."""
        found = []
        with self.edited(component, layer, lambda x: found.append(x.clone())):
            self.logits(tokens)
        return found[0]

    @contextmanager
    def edited(self, component, layer, edit):
        """While it lasts, `edit` is called with an activation of each run and may write to it."""
        removals = []
        try:
            getattr(self, f"_{component}", lambda *where: self._projected(component, *where))(layer, edit, removals)
            yield
        finally:
            for remove in removals:
                remove()

    def _part(self, layer, name):
        return self.blocks[layer].get_submodule(name)

    def _attention(self, layer):
        return self._part(layer, self.layout.attention)

    def _resid_pre(self, layer, edit, removals):
        on_input(self.blocks[layer], changed(edit), removals)

    def _resid_post(self, layer, edit, removals):
        on_output(self.blocks[layer], changed(edit), removals)

    def _attn_out(self, layer, edit, removals):
        on_output(self._part(layer, self.layout.attn_out), changed(edit), removals)

    def _mlp_out(self, layer, edit, removals):
        # One family's MLP sees all positions of all prompts side by side.
        shape = []
        on_input(self.blocks[layer], lambda x: shape.append(x.shape) or x, removals)
        on_output(self._part(layer, self.layout.mlp_out), changed(edit, lambda x: x.view(shape[-1])), removals)

    def _resid_mid(self, layer, edit, removals):
        """Attention adds what makes the sum the edited one."""
        before = []
        on_input(self.blocks[layer], lambda x: before.append(x) or x, removals)
        change = changed(edit)
        mend = lambda x: (change(before[-1] + self.factor * x) - before[-1]) / self.factor
        on_output(self._part(layer, self.layout.attn_out), mend, removals)

    def _z(self, layer, edit, removals):
        by_head = lambda x: x.view(*x.shape[:2], self.heads, self.width)
        on_input(self._attention(layer).get_submodule(self.layout.output), changed(edit, by_head), removals)

    def _projected(self, component, layer, edit, removals):
        module, by_head = self._projection(component, layer)
        on_output(module, changed(edit, by_head), removals)

    def _projection(self, component, layer):
        """The module, and how to see [prompt, position, head, width] in what it gives."""
        names, index = self.layout.projections, "qkv".index(component)
        module = self._attention(layer).get_submodule(names[0] if self.layout.fused else names[index])
        counts = [self.heads, self.kv_heads, self.kv_heads]
        if self.layout.fused == "heads":
            return module, lambda x: x.view(*x.shape[:2], self.heads, 3, self.width)[..., index, :]
        if self.layout.fused == "sides":
            return module, lambda x: x.view(*x.shape[:2], sum(counts), self.width).split(counts, 2)[index]
        return module, lambda x: x.view(*x.shape[:2], counts[index], self.width)

    def _pattern(self, layer, edit, removals):
        PATTERN.update(module=self._attention(layer), edit=edit, constant=self._constant_values(layer))
        removals.append(PATTERN.clear)

    def _constant_values(self, layer):
        """Values where the normalised input is 0, for each query head [head, width]: TransformerLens moves them into the
        bias of the output, which rows of a pattern do not weigh."""
        module, by_head = self._projection("v", layer)
        norm = self._part(layer, self.layout.norm) if self.layout.norm else None
        bias = getattr(norm, "bias", None)
        bias = torch.zeros(module.weight.shape[0 if hasattr(module, "nf") else 1]) if bias is None else bias
        return by_head(module(bias[None, None]))[0, 0].repeat_interleave(self.heads // self.kv_heads, 0)


def changed(edit, view=lambda x: x):
    """A function that gives its input as `edit` leaves a copy of it."""
    def change(x):
        x = x.clone()
        edit(view(x))
        return x
    return change


def on_input(module, change, removals):
    def hook(_, args, kwargs):
        if args:
            return (change(args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": change(kwargs["hidden_states"])}
    removals.append(module.register_forward_pre_hook(hook, with_kwargs=True).remove)


def on_output(module, change, removals):
    def hook(_, __, output):
        return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)
    removals.append(module.register_forward_hook(hook).remove)


# The attention whose pattern is edited: module, edit, constant.
PATTERN = {}


def weighed_anew(module, pattern, values):
    """What attention gives with an edited pattern [prompt, position, head, width]."""
    pattern = pattern.clone()
    PATTERN["edit"](pattern)
    weighed = pattern @ values.repeat_interleave(pattern.shape[1] // values.shape[1], 1)
    missing = 1 - pattern.sum(-1, keepdim=True)
    return weighed + missing * PATTERN["constant"][None, :, None], pattern


def eager(module, query, key, value, mask, **options):
    own = sys.modules[type(module).__module__].eager_attention_forward
    output, pattern = own(module, query, key, value, mask, **options)
    if PATTERN.get("module") is module:
        output, pattern = weighed_anew(module, pattern, value)
        output = output.transpose(1, 2).contiguous()
    return output, pattern


ALL_ATTENTION_FUNCTIONS.register("eager", eager)


def wrapped(method, are_heads_first):
    """A method of an attention module that does not go through the table of attention functions."""
    def attend(module, query, key, value, *rest):
        output, pattern = method(module, query, key, value, *rest)
        if PATTERN.get("module") is module:
            output, pattern = weighed_anew(module, pattern, value)
            output = output if are_heads_first else output.transpose(1, 2)
        return output, pattern
    return attend


def wrap_methods():
    from transformers.models.gpt2.modeling_gpt2 import GPT2Attention
    from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoSelfAttention
    GPT2Attention._upcast_and_reordered_attn = wrapped(GPT2Attention._upcast_and_reordered_attn, False)
    GPTNeoSelfAttention._attn = wrapped(GPTNeoSelfAttention._attn, True)


wrap_methods()
