"""The content of a spec as a dict: types made of docs/spec.schema.json by tools/make_spec.py. Do not edit.

docs/spec.md describes every key. `Spec` is the whole; a type checker and an editor know its keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired


class Model(TypedDict):
    """The model to patch. Give either `path` or `hub`."""

    path: NotRequired[str]
    """A Hugging Face folder, relative to a folder of `--models`; without a leading `/` and without `..`. `run` and
    `plan` also look beside the spec; what is submitted is looked for below the `--models` of the coordinator and
    of each worker."""
    hub: NotRequired[str]
    """A repository in the local cache of the Hugging Face hub, like `openai-community/gpt2`."""
    revision: NotRequired[str]
    """Branch, tag or commit of `hub`. The sweep is of the commit that this is on the coordinator, and the manifest
    names it. Default: `"main"`."""
    dtype: NotRequired[Literal["float32", "bfloat16", "float16"]]
    """Arithmetic of the forward pass. Metrics are always float32. Default: `"float32"`."""
    tf32: NotRequired[bool]
    """Whether float32 matrix products may round their inputs to TF32, where the device can. Default: `false`."""


class Dataset(TypedDict):
    """The clean prompts and their answers; there must be answers where a metric scores them, and with `distinct`.
    Give either `path` or `tokens`. Text is tokenized as the model's `tokenizer.json` says, with the special
    tokens and the `add_prefix_space` of the files beside it. transformers 5 makes other tokens where its class
    for the folder is that of one family (`tokenizer_class` of `tokenizer_config.json`, or what it has for the
    model's `model_type`) and `tokenizer.json` is not what that class makes: `GPT2Tokenizer`, `GPTNeoXTokenizer`,
    `Qwen2Tokenizer`, `GemmaTokenizer`, `CohereTokenizer` and `LlamaTokenizer` take only its vocabulary and
    merges, and bring a normalizer and a pre-tokenizer of their own. Where that makes a difference for the
    dataset, `plan`, `init`, `run` and `submit` say so; with `"tokenizer_class": "PreTrainedTokenizerFast"` the
    tokens are the same."""

    path: NotRequired[str]
    """A text file, relative to the spec, with one `prompt, answer` per line; or a table, if its name ends in `.csv`;
    or records, one JSON object per line with the table's columns as keys, if it ends in `.jsonl`, `.ndjson` or
    `.json`."""
    tokens: NotRequired[str]
    """A JSON file, relative to the spec, with the token ids of clean prompts, corrupted prompts and answers."""
    ignore: NotRequired[Literal["*"] | list[str]]
    """Columns of `path` that are passed over: their names, or `"*"` for every one that nothing here reads."""
    samples: NotRequired[int]
    """How many lines of `path` are drawn. Without it, every line, in order."""
    replace: NotRequired[bool]
    """Whether a line may be drawn twice. Default: `false`."""
    seed: NotRequired[int]
    """Seed of the draw. Default: `0`."""
    prepend_bos: NotRequired[Literal["auto"] | bool]
    """Whether the BOS token is put at position 0: the one that `special_tokens_map.json` or `tokenizer_config.json`
    name, else that of the tokenizer's class, else that of `config.json`. `"auto"`: what the tokenizer puts there
    by itself. Default: `true`."""


class Corruption(TypedDict):
    """Where corrupted prompts come from. Which keys there may be depends on `kind`. The table may be left out where
    `tokens` gives the corrupted prompts, and where every grid has `ablate`, and each of its `also`."""

    kind: Literal["permute", "pairs", "noise"]
    """`permute`: tokens of other prompts, position by position. `pairs`: the dataset's column `corrupted`. `noise`:
    the clean tokens, with Gaussian noise on their embeddings."""
    groups: NotRequired[list[list[int]]]
    """Of `permute`, where it is required: ranges of positions, the end not included, each drawn by a permutation of
    its own, like `[[0, 6], [6, 8]]`."""
    distinct: NotRequired[bool]
    """Of `permute`: whether every prompt takes tokens of one with another answer. Default: `false`."""
    scale: NotRequired[float]
    """Of `noise`, where it is required: the noise's standard deviation; more than 0."""
    seed: NotRequired[int]
    """Of `permute` and `noise`: seed of what is drawn. Default: `0`."""
    replicates: NotRequired[int]
    """Of `permute` and `noise`: how often the corruption is drawn, with seeds that count up from `seed`. Default:
    `1`."""


class Dictionary(TypedDict):
    """A dictionary: a sparse autoencoder at one site of the model."""

    name: str
    """What grids call it in `component`; letters, digits, `_` and `-`, no two alike, and no component's name."""
    path: str
    """Where its files are, looked for where `path` of `[model]` is; without a leading `/` and without `..`. A folder
    as `SAELens` 6 writes it (`cfg.json` and `sae_weights.safetensors`) of architecture `standard`, `jumprelu`,
    `topk` or `gated`, or Gemma Scope's `params.npz`, or a folder with that. Where its `model_name` and the name
    of the sweep's model do not resemble each other, a warning says so."""
    at: str
    """The activation that it reads, by its full hook name, like `blocks.8.hook_resid_pre`: a residual stream,
    `attn_out`, `mlp_out`, `mlp_post`, or `z` of all heads together. Required."""


class Position(TypedDict):
    """A named position: where a text stands in each prompt."""

    name: str
    """What lists of positions call it; letters, digits and `_`, no two alike, and not `end`."""
    column: NotRequired[str]
    """The dataset's column with the text. It is looked for in the clean prompt, from the left and exactly, as a word
    or words of its own; inside words (`cat` in `cats`) only in prompts where it is none, which a warning counts.
    Its tokens must begin and end where it does, but for spaces before it. Give either `column` or `text`."""
    text: NotRequired[str]
    """The text itself, where it is the same in every prompt, like `"Answer:"`; looked for in the same way."""
    occurrence: NotRequired[int]
    """Which one of the places where the text stands so, counted from 1. Default: `1`."""
    token: NotRequired[Literal["last", "first", "all"]]
    """Which of the text's tokens; without it, the last. With `all`, a list of positions to patch has them as one
    entry, which is patched at once."""


class MetricRight(TypedDict):
    """Of `difference`, where it is required: the tokens that are added. For each prompt a set of its own (`column`),
    or one for all (`tokens` or `ids`)."""

    column: NotRequired[str]
    """The dataset's column with the prompts' tokens, several with `|` between them, like ` 02| 03`; each is exactly
    one token as it stands, spaces included. In JSON lines a list of texts will do as well. With `[dataset]
    tokens` a key of that file, with a list of token ids for each prompt."""
    tokens: NotRequired[list[str]]
    """Texts, each exactly one token."""
    ids: NotRequired[list[int]]
    """Token ids."""
    reduce: NotRequired[Literal["sum", "mean", "max", "logsumexp"]]
    """What is made of the tokens' numbers: their `sum`, their `mean`, the largest (`max`), or the natural logarithm
    of the sum of their exponentials (`logsumexp`). May be left out where every set has one token."""


class MetricWrong(TypedDict):
    """Of `difference`: the tokens that are subtracted, given as in `right`, none of them in both. Without it,
    nothing is subtracted."""

    column: NotRequired[str]
    """The dataset's column with the prompts' tokens, several with `|` between them, like ` 02| 03`; each is exactly
    one token as it stands, spaces included. In JSON lines a list of texts will do as well. With `[dataset]
    tokens` a key of that file, with a list of token ids for each prompt."""
    tokens: NotRequired[list[str]]
    """Texts, each exactly one token."""
    ids: NotRequired[list[int]]
    """Token ids."""
    reduce: NotRequired[Literal["sum", "mean", "max", "logsumexp"]]
    """What is made of the tokens' numbers: their `sum`, their `mean`, the largest (`max`), or the natural logarithm
    of the sum of their exponentials (`logsumexp`). May be left out where every set has one token."""


class Metric(TypedDict):
    """What is scored."""

    kind: Literal["logit_diff_max", "logit_diff_mean", "logit_diff", "logprob", "prob", "kl", "difference"]
    """What is taken of a prompt's next-token logits at a read position. `logit_diff_max`: the answer's logit minus
    the highest of the other candidates. `logit_diff_mean`: minus their mean. `logit_diff`: minus the logit of the
    dataset's wrong answer. `logprob`: the natural logarithm of the answer's probability. `prob`: that
    probability, which has no unit. `kl`: the divergence of the next-token distribution from the clean run's.
    `difference`: of one set of tokens, `right`, minus that of another, `wrong`."""
    name: NotRequired[str]
    """Names its tensors; letters, digits, `_` and `-`, and no two alike. Without it, the kind."""
    candidates: NotRequired[str | list[str]]
    """Of `logit_diff_max` and `logit_diff_mean`, which need them or `candidate_ids`: the answers that are compared,
    each one token; a range of characters like `"A-Z"`, or a list."""
    candidate_ids: NotRequired[list[int]]
    """Token ids in place of `candidates`."""
    of: NotRequired[Literal["logit", "logprob", "prob"]]
    """Of `difference`: what is taken of each token: its `logit`, the natural logarithm `logprob` of its probability,
    or that probability, `prob`. Default: `"logit"`."""
    right: NotRequired[MetricRight]
    """Of `difference`, where it is required: the tokens that are added. For each prompt a set of its own (`column`),
    or one for all (`tokens` or `ids`)."""
    wrong: NotRequired[MetricWrong]
    """Of `difference`: the tokens that are subtracted, given as in `right`, none of them in both. Without it,
    nothing is subtracted."""
    normalize: NotRequired[bool]
    """Whether results also have the scale on which the corrupted run is 0 and the clean one 1. Default: `false`."""


class Iteration(TypedDict):
    """One patching experiment."""

    label: NotRequired[str]
    """Its title in lists and pictures, no two alike. Without it, `Iteration 0`, `Iteration 1` and so on."""
    corrupt: NotRequired[list[int | str]]
    """Which positions take the corrupted tokens, or noise. Negative ones count from the end; others may be `"end"`,
    the last token, and names of `[[position]]`, each also with an offset in tokens, like `"subject+1"`. May be
    left out with `pairs`, with `tokens` and where every grid has `ablate`."""
    read: int | str | list[int | str]
    """The positions whose next token is scored; the score is the mean over them. Given as in `corrupt`."""
    answer: NotRequired[int | list[int]]
    """Which of the answer's tokens, counted from 0, is the right one: one number for each of `read`, or one for all.
    May be left out where the answer is one token. With `tokens`, without it, the iteration's own index."""


class GridVerify(TypedDict):
    """Of an estimate: which effects are computed all the same, in each iteration. The manifest then says how many
    strong cells may have been missed. Without it, no effect is computed."""

    top: int
    """Cells with the strongest estimates under the first metric, by magnitude."""
    sample: int
    """Cells that are drawn at random from the others."""
    seed: NotRequired[int]
    """What the draw comes from. Without it, 0."""


class GridAlso(TypedDict):
    """What is patched as well in every cell of a grid."""

    component: Literal["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "q", "k", "v", "pattern", "mlp_pre", "mlp_post"]
    """What is patched, by its `TransformerLens` name. Of `pattern`, the probabilities of all positions."""
    heads: NotRequired[list[str]]
    """Which heads, as `"layer.head"`, like `["9.9", "10.0"]`; required where the component has heads."""
    neurons: NotRequired[list[str]]
    """Which neurons, as `"layer.neuron"`, like `["9.700", "10.3"]`, where the component has neurons; in place of
    `layers`, which means all neurons of these."""
    layers: NotRequired[list[int]]
    """Which layers; required where the component has no heads and no `neurons` are given. Negative ones count from
    the end."""
    positions: NotRequired[list[int | str]]
    """Which positions, given as in `corrupt` of an iteration. Without it, all."""
    ablate: NotRequired[Literal["zero", "mean"]]
    """What takes the activation's place: zeros, or the mean as `ablate` of the grid has it. Without it, the other
    run's activation."""


class GridTo(TypedDict):
    """Paths: what each cell patches changes what is read here, on the way that `mlps` says, and nothing else (Wang
    et al. 2023). Every head is held as it is in the run that is patched, but for those of the cell; what is read
    here then takes the place of what is read in the run that is patched, and that run is scored. `component` is
    `z`, `attn_out`, `mlp_out`, or `resid_pre` of layer 0; there is no `window`, `components` or `also`."""

    component: Literal["q", "k", "v", "mlp_in", "logits"]
    """What receives: the queries (`q`), keys (`k`) or values (`v`) of heads, as they are projected; what the MLPs of
    layers read (`mlp_in`); or the unembedding (`logits`)."""
    heads: NotRequired[list[str]]
    """Of `q`, `k` and `v`: which heads, as `"layer.head"`, like `["9.9", "10.0"]`; of `k` and `v` key-value heads.
    All of them receive at once."""
    layers: NotRequired[list[int]]
    """Of `mlp_in`: which layers; all of them receive at once. Negative ones count from the end. Without it, all."""
    axes: NotRequired[list[Literal["layer", "head"]]]
    """In place of `heads` or `layers`: every receiver of the model is a cell of its own. `["layer", "head"]`, of
    `mlp_in` `["layer"]`. The result has the axes `to_layer` and `to_head` behind those of the grid."""
    positions: NotRequired[list[int]]
    """At which positions. Without it, all. Negative ones count from the end."""
    mlps: NotRequired[Literal["live", "frozen"]]
    """Whether the MLPs between sender and receiver compute (`live`), or add what they add in the run that is patched
    (`frozen`). Default: `"live"`."""
    norm: NotRequired[Literal["recomputed", "frozen"]]
    """Whether the norms of the residual stream on the way divide by what the changed stream asks for (`recomputed`),
    or by what they divide by in the run that is patched (`frozen`). Default: `"recomputed"`."""


class Grid(TypedDict):
    """What is patched."""

    component: NotRequired[Literal["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "q", "k", "v", "pattern", "mlp_pre", "mlp_post"] | str]
    """What is patched, by its `TransformerLens` name, or by a full hook name like `blocks.8.attn.hook_z`, which
    means that layer only; or the features of a dictionary, by its name. Give either `component` or `components`."""
    components: NotRequired[list[Literal["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "q", "k", "v", "pattern", "mlp_pre", "mlp_post"]]]
    """Several components that each cell patches together, in one pass, like `["attn_out", "mlp_out"]`: of the same
    axes, and as many heads. All new values are those of the other run (or zero, or the mean), not of the run that
    is being patched."""
    window: NotRequired[int]
    """How many layers a cell patches at once, each with its own activation: those from l - `window` / 2 (rounded
    down) on that the model has, where l is the cell's layer. A window that is cut at an end is smaller, not
    moved; `layers` chooses the middles. Default: `1`."""
    axes: list[Literal["layer", "pos", "head", "neuron", "feature", "dest_pos", "src_pos"]]
    """The axes of the result, in this order. `layer` is always there; `pos`, `head` and `neuron` as far as the
    component has them; `dest_pos` and `src_pos` are those of `pattern`, in place of `pos`. Those of a dictionary
    are `pos` and `feature`: it is of one layer."""
    name: NotRequired[str]
    """Names its tensors; letters, digits, `_` and `-`, and no two alike. Without it, the component's short name; of
    several components, their names joined by `-`."""
    ablate: NotRequired[Literal["zero", "mean", "knockout"]]
    """What takes the activation's place. Without it, the other run's activation."""
    layers: NotRequired[list[int]]
    """Which layers are patched. Without it, all. Negative ones count from the end."""
    heads: NotRequired[list[int]]
    """Which heads are patched. Without it, all. Negative ones count from the end."""
    neurons: NotRequired[list[int]]
    """Of `mlp_pre` and `mlp_post`: which neurons are patched. Without it, all. Negative ones count from the end."""
    features: NotRequired[Literal["active"] | list[int]]
    """Of a dictionary: which features are written, by their numbers, or those that are active in a run. Without it,
    all. Negative ones count from the end."""
    positions: NotRequired[list[int | str]]
    """Which positions are patched, given as in `corrupt` of an iteration. Without it, all. A list of numbers alone
    ascends along the axis; one with words keeps its order. Required where prompts have different lengths and
    `pos` is an axis."""
    dest_positions: NotRequired[list[int | str]]
    """Of `pattern`: which positions attend, given as `positions`. Without it, all."""
    src_positions: NotRequired[list[int | str]]
    """Of `pattern`: which positions are attended to, given as `positions`. Without it, all."""
    estimate: NotRequired[Literal["gradient", "integrated"]]
    """Effects are estimated from gradients instead of computed: by the `gradient` of each metric at the run that is
    patched, or by the mean of gradients on the way to the other run, `integrated`. Estimates stand in tensors of
    their own, `NAME.estimate`."""
    steps: NotRequired[int]
    """Of `integrated`: at how many points between the two runs gradients are taken. Without it, 10."""
    recompute_pattern: NotRequired[bool]
    """Of an estimate of `q` or `k`: the attention pattern that the new queries or keys give is computed exactly, and
    only what follows on it is estimated, because softmax saturates (`AtP*`). Without it, the gradient goes
    through the softmax."""
    verify: NotRequired[GridVerify]
    """Of an estimate: which effects are computed all the same, in each iteration. The manifest then says how many
    strong cells may have been missed. Without it, no effect is computed."""
    also: NotRequired[list[GridAlso]]
    """What is patched as well in every cell. Effects are against the plain run all the same, so that they hold the
    effect of these. Where one meets what the cell patches, the cell's own counts; of two that meet, the later
    one."""
    to: NotRequired[GridTo]
    """Paths: what each cell patches changes what is read here, on the way that `mlps` says, and nothing else (Wang
    et al. 2023). Every head is held as it is in the run that is patched, but for those of the cell; what is read
    here then takes the place of what is read in the run that is patched, and that run is scored. `component` is
    `z`, `attn_out`, `mlp_out`, or `resid_pre` of layer 0; there is no `window`, `components` or `also`."""


class Spec(TypedDict):
    """A sweep of activation patching."""

    schema: Literal[1]
    """Version of this file's form."""
    name: str
    """Names the sweep in lists and results; its id is made of it."""
    direction: NotRequired[Literal["noising", "denoising"]]
    """Which run is patched. Default: `"noising"`."""
    per_prompt: NotRequired[bool]
    """Whether effect, clean and corrupted metric of each prompt are kept, besides their means. Intervals are then
    those of a bootstrap. Default: `false`."""
    model: Model
    """The model to patch. Give either `path` or `hub`."""
    dataset: Dataset
    """The clean prompts and their answers; there must be answers where a metric scores them, and with `distinct`.
    Give either `path` or `tokens`. Text is tokenized as the model's `tokenizer.json` says, with the special
    tokens and the `add_prefix_space` of the files beside it. transformers 5 makes other tokens where its class
    for the folder is that of one family (`tokenizer_class` of `tokenizer_config.json`, or what it has for the
    model's `model_type`) and `tokenizer.json` is not what that class makes: `GPT2Tokenizer`, `GPTNeoXTokenizer`,
    `Qwen2Tokenizer`, `GemmaTokenizer`, `CohereTokenizer` and `LlamaTokenizer` take only its vocabulary and
    merges, and bring a normalizer and a pre-tokenizer of their own. Where that makes a difference for the
    dataset, `plan`, `init`, `run` and `submit` say so; with `"tokenizer_class": "PreTrainedTokenizerFast"` the
    tokens are the same."""
    corruption: NotRequired[Corruption]
    """Where corrupted prompts come from. Which keys there may be depends on `kind`. The table may be left out where
    `tokens` gives the corrupted prompts, and where every grid has `ablate`, and each of its `also`."""
    dictionary: NotRequired[list[Dictionary]]
    """Dictionaries (sparse autoencoders), whose features grids may be over."""
    position: NotRequired[list[Position]]
    """Positions that are found by a text, and may be others in each prompt."""
    metric: list[Metric]
    """What is scored. The first is the main metric, which lists and pictures show."""
    iteration: list[Iteration]
    """Patching experiments: each has all grids, and is one row of each tensor."""
    grid: list[Grid]
    """What is patched: one component, or several, over some axes. An axis that is left out is patched at all its
    indices at once, or at those that the grid names."""
