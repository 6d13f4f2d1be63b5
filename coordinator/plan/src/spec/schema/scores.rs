//! What is scored, where, and what is patched.

use std::ops::Range;

use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::metric::{Reduce, TokenScore};
use patchsweep_core::paths::{Mlps, Norms};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Features, METRIC_KINDS, OneOrMore, Position, Spanned};

/// What is scored.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What is taken of a prompt's next-token logits at a read position. `logit_diff_max`: the answer's logit minus the
    /// highest of the other candidates. `logit_diff_mean`: minus their mean. `logit_diff`: minus the logit of the
    /// dataset's wrong answer. `logprob`: the natural logarithm of the answer's probability. `prob`: that probability, which
    /// has no unit. `kl`: the divergence of the next-token distribution from the clean run's. `difference`: of one set of
    /// tokens, `right`, minus that of another, `wrong`.
    #[schemars(extend("enum" = METRIC_KINDS, "x-unit" = "nats"))]
    pub kind: Spanned<String>,
    /// Names its tensors; letters, digits, `_` and `-`, and no two alike. Without it, the kind.
    #[schemars(regex(pattern = TENSOR_NAME))]
    pub name: Option<Spanned<String>>,
    /// Of `logit_diff_max` and `logit_diff_mean`, which need them or `candidate_ids`: the answers that are compared, each
    /// one token; a range of characters like `"A-Z"`, or a list.
    pub candidates: Option<Spanned<Candidates>>,
    /// Token ids in place of `candidates`.
    #[schemars(extend("x-unit" = "token ids"))]
    pub candidate_ids: Option<Spanned<Vec<u32>>>,
    /// Of `difference`: what is taken of each token: its `logit`, the natural logarithm `logprob` of its probability, or that
    /// probability, `prob`.
    #[schemars(extend("default" = TokenScore::Logit))]
    pub of: Option<Spanned<TokenScore>>,
    /// Of `difference`, where it is required: the tokens that are added. For each prompt a set of its own (`column`), or one for
    /// all (`tokens` or `ids`).
    pub right: Option<Spanned<TokenSet>>,
    /// Of `difference`: the tokens that are subtracted, given as in `right`, none of them in both. Without it, nothing is
    /// subtracted.
    pub wrong: Option<Spanned<TokenSet>>,
    /// Whether results also have the scale on which the corrupted run is 0 and the clean one 1.
    #[serde(default)]
    pub normalize: bool,
}

/// What `plan/names.rs` lets name a tensor.
pub(super) const TENSOR_NAME: &str = "^[A-Za-z0-9_-]+$";

/// Candidate answers as text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "give a range like \"A-Z\" or a list of strings")]
pub enum Candidates {
    /// A range of characters, `"A-Z"`.
    Range(String),
    /// A list of strings.
    List(Vec<String>),
}

/// A set of tokens: for each prompt one of its own (`column`), or one for all (`tokens` or `ids`). Give one of the three.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSet {
    /// The dataset's column with the prompts' tokens, several with `|` between them, like ` 02| 03`; each is exactly one token
    /// as it stands, spaces included. In JSON lines a list of texts will do as well. With `[dataset] tokens` a key of that
    /// file, with a list of token ids for each prompt.
    pub column: Option<Spanned<String>>,
    /// Texts, each exactly one token.
    pub tokens: Option<Spanned<Vec<Spanned<String>>>>,
    /// Token ids.
    #[schemars(extend("x-unit" = "token ids"))]
    pub ids: Option<Spanned<Vec<Spanned<u32>>>>,
    /// What is made of the tokens' numbers: their `sum`, their `mean`, the largest (`max`), or the natural logarithm of the sum
    /// of their exponentials (`logsumexp`). May be left out where every set has one token.
    pub reduce: Option<Spanned<Reduce>>,
}

/// One patching experiment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Iteration {
    /// Its title in lists and pictures, no two alike. Without it, `Iteration 0`, `Iteration 1` and so on.
    pub label: Option<Spanned<String>>,
    /// Which positions take the corrupted tokens, or noise. Negative ones count from the end; others may be `"end"`, the last
    /// token, and names of `[[position]]`, each also with an offset in tokens, like `"subject+1"`. May be left out with
    /// `pairs`, with `tokens` and where every grid has `ablate`.
    #[schemars(extend("x-unit" = "positions"))]
    pub corrupt: Option<Spanned<Vec<Position>>>,
    /// The positions whose next token is scored; the score is the mean over them. Given as in `corrupt`.
    #[schemars(extend("x-unit" = "positions"))]
    pub read: Spanned<OneOrMore<Position>>,
    /// Which of the answer's tokens, counted from 0, is the right one: one number for each of `read`, or one for all. May
    /// be left out where the answer is one token. With `tokens`, without it, the iteration's own index.
    #[schemars(extend("x-unit" = "tokens of the answer"))]
    pub answer: Option<Spanned<OneOrMore<u32>>>,
}

/// What is patched.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// What is patched, by its `TransformerLens` name, or by a full hook name like `blocks.8.attn.hook_z`, which means that
    /// layer only; or the features of a dictionary, by its name. Give either `component` or `components`.
    #[schemars(extend("anyOf" = [
        schemars::json_schema!({ "enum": Component::ALL.map(Component::name) }),
        schemars::json_schema!({ "pattern": "^blocks\\.[0-9]+\\.((attn|mlp)\\.)?hook_[a-z_]+$" }),
        schemars::json_schema!({ "pattern": TENSOR_NAME }),
    ]))]
    pub component: Option<Spanned<String>>,
    /// Several components that each cell patches together, in one pass, like `["attn_out", "mlp_out"]`: of the same axes, and
    /// as many heads. All new values are those of the other run (or zero, or the mean), not of the run that is being patched.
    #[schemars(extend("items" = schemars::json_schema!({ "type": "string", "enum": Component::ALL.map(Component::name) })))]
    pub components: Option<Spanned<Vec<Spanned<String>>>>,
    /// How many layers a cell patches at once, each with its own activation: those from l - `window` / 2 (rounded down) on that
    /// the model has, where l is the cell's layer. A window that is cut at an end is smaller, not moved; `layers` chooses the
    /// middles.
    #[schemars(extend("x-unit" = "layers", "default" = 1), range(min = 1))]
    pub window: Option<Spanned<u32>>,
    /// The axes of the result, in this order. `layer` is always there; `pos`, `head` and `neuron` as far as the component
    /// has them; `dest_pos` and `src_pos` are those of `pattern`, in place of `pos`. Those of a dictionary are `pos` and
    /// `feature`: it is of one layer.
    #[schemars(extend("items" = schemars::json_schema!({ "type": "string", "enum": Axis::OF_COMPONENTS.map(Axis::name) })))]
    pub axes: Vec<Spanned<String>>,
    /// Names its tensors; letters, digits, `_` and `-`, and no two alike. Without it, the component's short name; of several
    /// components, their names joined by `-`.
    #[schemars(regex(pattern = TENSOR_NAME))]
    pub name: Option<Spanned<String>>,
    /// What takes the activation's place. Without it, the other run's activation.
    pub ablate: Option<Ablation>,
    /// Which layers are patched. Without it, all. Negative ones count from the end.
    #[schemars(extend("x-unit" = "layers"))]
    pub layers: Option<Spanned<Vec<i64>>>,
    /// Which heads are patched. Without it, all. Negative ones count from the end.
    #[schemars(extend("x-unit" = "heads"))]
    pub heads: Option<Spanned<Vec<i64>>>,
    /// Of `mlp_pre` and `mlp_post`: which neurons are patched. Without it, all. Negative ones count from the end.
    #[schemars(extend("x-unit" = "neurons"))]
    pub neurons: Option<Spanned<Vec<i64>>>,
    /// Of a dictionary: which features are written, by their numbers, or those that are active in a run. Without it, all.
    /// Negative ones count from the end.
    #[schemars(extend("x-unit" = "features"))]
    pub features: Option<Spanned<Features>>,
    /// Which positions are patched, given as in `corrupt` of an iteration. Without it, all. A list of numbers alone ascends along
    /// the axis; one with words keeps its order. Required where prompts have different lengths and `pos` is an axis.
    #[schemars(extend("x-unit" = "positions"))]
    pub positions: Option<Spanned<Vec<Position>>>,
    /// Of `pattern`: which positions attend, given as `positions`. Without it, all.
    #[schemars(extend("x-unit" = "positions"))]
    pub dest_positions: Option<Spanned<Vec<Position>>>,
    /// Of `pattern`: which positions are attended to, given as `positions`. Without it, all.
    #[schemars(extend("x-unit" = "positions"))]
    pub src_positions: Option<Spanned<Vec<Position>>>,
    /// Effects are estimated from gradients instead of computed: by the `gradient` of each metric at the run that is patched, or
    /// by the mean of gradients on the way to the other run, `integrated`. Estimates stand in tensors of their own,
    /// `NAME.estimate`.
    pub estimate: Option<Spanned<Gradient>>,
    /// Of `integrated`: at how many points between the two runs gradients are taken. Without it, 10.
    #[schemars(extend("x-unit" = "points"), range(min = 1, max = 1000))]
    pub steps: Option<Spanned<u32>>,
    /// Of an estimate of `q` or `k`: the attention pattern that the new queries or keys give is computed exactly, and only what
    /// follows on it is estimated, because softmax saturates (`AtP*`). Without it, the gradient goes through the softmax.
    pub recompute_pattern: Option<Spanned<bool>>,
    /// Of an estimate: which effects are computed all the same, in each iteration. The manifest then says how many strong cells may
    /// have been missed. Without it, no effect is computed.
    pub verify: Option<Spanned<Verify>>,
    /// What is patched as well in every cell. Effects are against the plain run all the same, so that they hold the effect of
    /// these. Where one meets what the cell patches, the cell's own counts; of two that meet, the later one.
    #[serde(default)]
    pub also: Vec<Also>,
    /// Paths: what each cell patches changes what is read here, on the way that `mlps` says, and nothing else (Wang et al. 2023).
    /// Every head is held as it is in the run that is patched, but for those of the cell; what is read here then takes the place
    /// of what is read in the run that is patched, and that run is scored. `component` is `z`, `attn_out`, `mlp_out`, or
    /// `resid_pre` of layer 0; there is no `window`, `components` or `also`.
    pub to: Option<Spanned<To>>,
}

/// How an effect is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gradient {
    /// By the gradient at the run that is patched.
    Gradient,
    /// By the mean of gradients on the way to the other run.
    Integrated,
}

/// Steps of integrated gradients where nobody says how many.
pub const DEFAULT_STEPS: u32 = 10;

/// Which effects are computed although they are estimated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Cells with the strongest estimates under the first metric, by magnitude.
    #[schemars(extend("x-unit" = "cells"), range(min = 1))]
    pub top: u32,
    /// Cells that are drawn at random from the others.
    #[schemars(extend("x-unit" = "cells"))]
    pub sample: u32,
    /// What the draw comes from. Without it, 0.
    pub seed: Option<u64>,
}

impl Grid {
    /// The component, or the first of several.
    #[must_use]
    pub fn site(&self) -> Option<&Spanned<String>> {
        let first = || self.components.as_ref().and_then(|components| components.get_ref().first());
        self.component.as_ref().or_else(first)
    }

    /// Where it says what is patched, or at least something.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        let axes = || self.axes.first().map(Spanned::span);
        let components = || self.components.as_ref().map(Spanned::span);
        self.site().map(Spanned::span).or_else(components).or_else(axes).unwrap_or_default()
    }

    /// Whether any activation of the other run takes the place of one.
    #[must_use]
    pub fn takes_other(&self) -> bool {
        self.ablate.is_none() || self.also.iter().any(|also| also.ablate.is_none())
    }
}

/// What is patched as well in every cell of a grid.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// What is patched, by its `TransformerLens` name. Of `pattern`, the probabilities of all positions.
    #[schemars(extend("enum" = Component::ALL.map(Component::name)))]
    pub component: Spanned<String>,
    /// Which heads, as `"layer.head"`, like `["9.9", "10.0"]`; required where the component has heads.
    #[schemars(extend("x-unit" = "heads"))]
    pub heads: Option<Spanned<Vec<Spanned<String>>>>,
    /// Which neurons, as `"layer.neuron"`, like `["9.700", "10.3"]`, where the component has neurons; in place of `layers`, which means
    /// all neurons of these.
    #[schemars(extend("x-unit" = "neurons"))]
    pub neurons: Option<Spanned<Vec<Spanned<String>>>>,
    /// Which layers; required where the component has no heads and no `neurons` are given. Negative ones count from the end.
    #[schemars(extend("x-unit" = "layers"))]
    pub layers: Option<Spanned<Vec<i64>>>,
    /// Which positions, given as in `corrupt` of an iteration. Without it, all.
    #[schemars(extend("x-unit" = "positions"))]
    pub positions: Option<Spanned<Vec<Position>>>,
    /// What takes the activation's place: zeros, or the mean as `ablate` of the grid has it. Without it, the other run's activation.
    // A knockout is read too, so that it is refused with what it is.
    #[schemars(with = "Option<String>", extend("enum" = ["zero", "mean"]))]
    pub ablate: Option<Ablation>,
}

/// Where the paths of a grid end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct To {
    /// What receives: the queries (`q`), keys (`k`) or values (`v`) of heads, as they are projected; what the MLPs of layers
    /// read (`mlp_in`); or the unembedding (`logits`).
    #[schemars(extend("enum" = RECEIVERS))]
    pub component: Spanned<String>,
    /// Of `q`, `k` and `v`: which heads, as `"layer.head"`, like `["9.9", "10.0"]`; of `k` and `v` key-value heads. All of
    /// them receive at once.
    #[schemars(extend("x-unit" = "heads"))]
    pub heads: Option<Spanned<Vec<Spanned<String>>>>,
    /// Of `mlp_in`: which layers; all of them receive at once. Negative ones count from the end. Without it, all.
    #[schemars(extend("x-unit" = "layers"))]
    pub layers: Option<Spanned<Vec<i64>>>,
    /// In place of `heads` or `layers`: every receiver of the model is a cell of its own. `["layer", "head"]`, of `mlp_in`
    /// `["layer"]`. The result has the axes `to_layer` and `to_head` behind those of the grid.
    #[schemars(extend("items" = schemars::json_schema!({ "type": "string", "enum": ["layer", "head"] })))]
    pub axes: Option<Spanned<Vec<Spanned<String>>>>,
    /// At which positions. Without it, all. Negative ones count from the end.
    #[schemars(extend("x-unit" = "positions"))]
    pub positions: Option<Spanned<Vec<i64>>>,
    /// Whether the MLPs between sender and receiver compute (`live`), or add what they add in the run that is patched
    /// (`frozen`).
    #[schemars(extend("enum" = [Mlps::Live.name(), Mlps::Frozen.name()], "default" = Mlps::Live.name()))]
    pub mlps: Option<Spanned<String>>,
    /// Whether the norms of the residual stream on the way divide by what the changed stream asks for (`recomputed`), or by what
    /// they divide by in the run that is patched (`frozen`).
    #[schemars(extend("enum" = [Norms::Recomputed.name(), Norms::Frozen.name()], "default" = Norms::Recomputed.name()))]
    pub norm: Option<Spanned<String>>,
}

/// What may receive paths.
pub(crate) const RECEIVERS: [&str; 5] = ["q", "k", "v", "mlp_in", "logits"];

/// What takes the place of an activation without a run to take it from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ablation {
    /// Zeros.
    Zero,
    /// The mean over the corrupted prompts, position by position; over the clean ones where there is no corruption. Refused at names that
    /// are not at one position in all prompts.
    Mean,
    /// Of `pattern`: attention knockout (Geva et al. 2023). The scores become minus infinity before the softmax, so that what is left
    /// of each row adds up to 1. A row that would have nothing left stays as it is.
    Knockout,
}
