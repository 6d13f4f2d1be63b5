//! What each site is: the one table that causality, costs, memory, plans and the engine read.
//!
//! Which facts hold may depend on how a model's blocks are wired, so the table is asked with the model.

use crate::architecture::Architecture;
use crate::axis::Axis;
use crate::component::Component;

/// What is true of a component of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How a run that is patched here goes on in the same block.
    pub joins: Joins,
    /// Which positions a change reaches within the block.
    pub reach: Reach,
    /// What it depends on in the first block.
    pub origin: Origin,
    /// Which heads it has.
    pub heads: Heads,
    /// Whether it is all that goes on from its position, so that a run patched here is as the other one there.
    pub is_whole_stream: bool,
}

/// How a run that is patched at a site goes on in the same block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Joins {
    /// As the block's input: through projections, attention and MLP.
    Input,
    /// Inside attention, through the change of `z`.
    Heads,
    /// On the residual stream that the MLP reads.
    BeforeMlp,
    /// On the block's output.
    Output,
}

/// Which positions a change reaches within its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Its own.
    OwnPosition,
    /// Its own and later ones, which attend to it.
    LaterPositions,
}

/// What an activation of the first block depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The token at its position.
    OwnToken,
    /// The tokens at and before it, which attention has mixed.
    EarlierTokens,
}

/// Which heads a component has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Heads {
    /// None: it is as wide as the residual stream.
    None,
    /// Those of queries.
    Query,
    /// Those of keys and values, each of which serves a group of query heads.
    KeyValue,
}

impl Component {
    /// What is true of it in a model.
    #[must_use]
    pub fn facts(self, model: &Architecture) -> Facts {
        use Joins::{BeforeMlp, Heads as InHeads, Input, Output};
        use Origin::{EarlierTokens, OwnToken};
        use Reach::{LaterPositions, OwnPosition};
        let parallel = model.is_parallel();
        let (joins, reach, origin) = match self {
            Self::ResidPre => (Input, LaterPositions, OwnToken),
            Self::Q => (InHeads, OwnPosition, OwnToken),
            Self::K | Self::V => (InHeads, LaterPositions, OwnToken),
            Self::Pattern | Self::Z => (InHeads, OwnPosition, EarlierTokens),
            Self::AttnOut if parallel => (Output, OwnPosition, EarlierTokens),
            Self::AttnOut | Self::ResidMid => (BeforeMlp, OwnPosition, EarlierTokens),
            // The MLP of a parallel block reads what comes into it.
            Self::MlpOut if parallel => (Output, OwnPosition, OwnToken),
            Self::MlpOut | Self::ResidPost => (Output, OwnPosition, EarlierTokens),
        };
        let is_whole_stream = matches!(self, Self::ResidPre | Self::ResidMid | Self::ResidPost);
        Facts { joins, reach, origin, heads: self.heads(), is_whole_stream }
    }

    /// Whether a patch of one of its heads changes what the others are for attention.
    #[must_use]
    pub fn mixes_heads(self, model: &Architecture) -> bool {
        model.mixes_heads() && matches!(self, Self::Q | Self::K)
    }

    /// Which heads it has, in any model.
    #[must_use]
    pub fn heads(self) -> Heads {
        match self {
            Self::K | Self::V => Heads::KeyValue,
            Self::Z | Self::Q | Self::Pattern => Heads::Query,
            _ => Heads::None,
        }
    }

    /// Whether a model has it: between attention and MLP of parallel blocks there is nothing.
    #[must_use]
    pub fn is_in(self, model: &Architecture) -> bool {
        self != Self::ResidMid || !model.is_parallel()
    }

    /// The axes that a grid over this component may have, in order.
    #[must_use]
    pub fn axes(self) -> &'static [Axis] {
        match self.heads() {
            _ if self == Self::Pattern => &[Axis::Layer, Axis::Head, Axis::DestPos, Axis::SrcPos],
            Heads::None => &[Axis::Layer, Axis::Pos],
            Heads::Query | Heads::KeyValue => &[Axis::Layer, Axis::Pos, Axis::Head],
        }
    }

    /// The axis of the positions whose activation is patched.
    #[must_use]
    pub fn position_axis(self) -> Axis {
        if self == Self::Pattern { Axis::DestPos } else { Axis::Pos }
    }

    /// How many numbers one prompt of so many positions has of it in one layer.
    #[must_use]
    pub fn numbers(self, model: &Architecture, positions: u64) -> u64 {
        match self.heads() {
            _ if self == Self::Pattern => u64::from(model.heads) * positions * positions,
            Heads::None => positions * u64::from(model.d_model),
            Heads::Query => positions * u64::from(model.d_queries()),
            Heads::KeyValue => positions * u64::from(model.d_keys()),
        }
    }

    /// What a patched run reads of the run that is patched in the layer of the patch, besides keys and values.
    #[must_use]
    pub fn base_sites(self, model: &Architecture) -> Vec<Self> {
        let facts = self.facts(model);
        let mut sites = match facts.joins {
            Joins::Input => vec![self, Self::Q],
            Joins::Heads => vec![changed_by_heads(model), Self::Z],
            Joins::BeforeMlp => vec![Self::ResidMid, self],
            Joins::Output => vec![self],
        };
        if facts.joins == Joins::Heads && self != Self::Z {
            sites.push(Self::Q);
        }
        // Of positions that the patch does not reach.
        if facts.reach == Reach::OwnPosition {
            sites.push(Self::ResidPost);
        }
        sites
    }

    /// What it reads of the other run, where activations of that take the place of these. A pattern is made of queries and
    /// keys.
    #[must_use]
    pub fn other_sites(self) -> Vec<Self> {
        if self == Self::Pattern { vec![Self::Q, Self::K] } else { vec![self] }
    }
}

/// Which residual stream of the run that is patched gets what a patch inside attention changes: before what attention adds
/// where that is computed anew as a whole, else behind it, and in a parallel block behind the block.
#[must_use]
pub fn changed_by_heads(model: &Architecture) -> Component {
    match () {
        () if model.has_post_norms() => Component::ResidPre,
        () if model.is_parallel() => Component::ResidPost,
        () => Component::ResidMid,
    }
}

impl Heads {
    /// How many there are.
    #[must_use]
    pub fn count(self, model: &Architecture) -> u32 {
        match self {
            Self::None => 0,
            Self::Query => model.heads,
            Self::KeyValue => model.kv_heads,
        }
    }

    /// Query heads that one of them changes.
    #[must_use]
    pub fn group(self, model: &Architecture) -> u32 {
        if self == Self::KeyValue { model.group() } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{ParallelNorms, Sizes, Wiring};

    fn plain() -> Architecture {
        Architecture::plain(Sizes { layers: 2, heads: 4, d_model: 12, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
    }

    #[test]
    fn what_a_block_reads_twice_is_twice_in_the_table() {
        let parallel = Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::Two }, ..plain() };
        assert_eq!(Component::AttnOut.facts(&plain()).joins, Joins::BeforeMlp);
        assert_eq!(Component::AttnOut.facts(&parallel).joins, Joins::Output);
        assert_eq!(Component::MlpOut.facts(&plain()).origin, Origin::EarlierTokens);
        assert_eq!(Component::MlpOut.facts(&parallel).origin, Origin::OwnToken);
        assert!(Component::ResidMid.is_in(&plain()) && !Component::ResidMid.is_in(&parallel));
        for component in Component::ALL.into_iter().filter(|component| component.is_in(&parallel)) {
            assert!(!component.base_sites(&parallel).contains(&Component::ResidMid), "{component}");
        }
    }

    #[test]
    fn only_what_is_read_by_attention_reaches_later_positions() {
        let reaches = |component: Component| component.facts(&plain()).reach == Reach::LaterPositions;
        let reaching: Vec<Component> = Component::ALL.into_iter().filter(|&component| reaches(component)).collect();
        assert_eq!(reaching, [Component::ResidPre, Component::K, Component::V]);
    }

    #[test]
    fn sizes_follow_the_heads() {
        let grouped = Architecture { kv_heads: 2, d_head: 5, ..plain() };
        let numbers = |component: Component| component.numbers(&grouped, 3);
        let all = [Component::Q, Component::K, Component::Z, Component::Pattern, Component::MlpOut];
        assert_eq!(all.map(numbers), [60, 30, 60, 36, 36]);
    }
}
