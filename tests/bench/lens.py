"""TransformerLens' side of the trained model: a `HookedTransformer` with the same weights."""

import time

from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_llama_weights

HOOKS = {"resid_pre": "hook_resid_pre", "z": "attn.hook_z"}


def load(model):
    """Of transformers' model of a `llama`."""
    of = model.config
    rope = of.rope_parameters
    config = HookedTransformerConfig(
        n_layers=of.num_hidden_layers, d_model=of.hidden_size, n_ctx=256, d_vocab=of.vocab_size, d_mlp=of.intermediate_size,
        n_heads=of.num_attention_heads, n_key_value_heads=of.num_key_value_heads,
        d_head=of.hidden_size // of.num_attention_heads, eps=of.rms_norm_eps, act_fn=of.hidden_act, gated_mlp=True,
        normalization_type="RMS", final_rms=True, positional_embedding_type="rotary", rotary_base=int(rope["rope_theta"]),
        rotary_dim=of.hidden_size // of.num_attention_heads, rotary_adjacent_pairs=False,
        original_architecture="LlamaForCausalLM", device="cpu")
    lens = HookedTransformer(config)
    lens.load_and_process_state_dict(convert_llama_weights(model, config), fold_ln=False, center_writing_weights=False,
                                     center_unembed=False, fold_value_biases=False)
    return lens.eval()


class LensRuns:
    """The runs of a dataset."""

    def __init__(self, lens, runs):
        self.lens, self.runs = lens, runs
        self.others = {}
        self.seconds = []
        apart = (self.lens(runs.clean)[:, -1] - runs.last(runs.clean)).abs().max().item()
        if not apart < 1e-3:
            raise SystemExit(f"TransformerLens' logits are {apart:.1e} off transformers'")

    def cell(self, component, layer, place):
        """The clean run's last logits with the corrupted run's activation at a place [prompt, position, ..]."""
        hook = f"blocks.{layer}.{HOOKS[component]}"
        if hook not in self.others:
            self.others[hook] = self.lens.run_with_cache(self.runs.corrupted, names_filter=hook)[1][hook]

        def patch(activation, hook):
            activation[place] = self.others[hook.name][place]
            return activation

        begin = time.perf_counter()
        logits = self.lens.run_with_hooks(self.runs.clean, fwd_hooks=[(hook, patch)])[:, -1]
        scores = logits.gather(1, self.runs.answers) - logits.gather(1, self.runs.wrong)
        self.seconds.append(time.perf_counter() - begin)
        return scores
