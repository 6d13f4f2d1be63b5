//! What each site is: the one table that causality, costs, memory, plans and the engine read.
//!
//! Which facts hold may depend on how a model's blocks are wired, so the table is asked with the model.

use crate::architecture::Architecture;
use crate::axis::Axis;
use crate::component::Component;

/// What is true of a component of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which residual stream of the block a patch changes first.
    pub stage: Stage,
    /// Which positions a change reaches within the block.
    pub reach: Reach,
    /// What it depends on in the first block.
    pub origin: Origin,
    /// Which heads it has.
    pub heads: Heads,
    /// Whether it is all that goes on from its position, so that a run patched here is as the other one there.
    pub is_whole_stream: bool,
}

/// Points of a block, in order, at which patched runs begin to differ from the run that is patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Its input: attention and MLP follow.
    Input,
    /// Behind attention, where the MLP follows. Only in blocks whose MLP reads what attention adds.
    BeforeMlp,
    /// Its output.
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
    /// None.
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
        use Origin::{EarlierTokens, OwnToken};
        use Reach::{LaterPositions, OwnPosition};
        use Stage::{BeforeMlp, Input, Output};
        // The MLP of a parallel block reads what comes into it.
        let parallel = model.is_parallel();
        let behind_attention = if parallel { Output } else { BeforeMlp };
        let (stage, reach, origin) = match self {
            Self::ResidPre => (Input, LaterPositions, OwnToken),
            Self::Q => (behind_attention, OwnPosition, OwnToken),
            Self::K | Self::V => (behind_attention, LaterPositions, OwnToken),
            Self::Pattern | Self::Z | Self::AttnOut => (behind_attention, OwnPosition, EarlierTokens),
            Self::ResidMid => (BeforeMlp, OwnPosition, EarlierTokens),
            Self::MlpOut | Self::MlpPre | Self::MlpPost | Self::MlpProjection | Self::MlpIn => {
                (Output, OwnPosition, if parallel { OwnToken } else { EarlierTokens })
            }
            Self::ResidPost => (Output, OwnPosition, EarlierTokens),
        };
        let is_whole_stream = matches!(self, Self::ResidPre | Self::ResidMid | Self::ResidPost);
        Facts { stage, reach, origin, heads: self.heads(), is_whole_stream }
    }

    /// Where in a block's forward pass it stands: what comes later overwrites what was written before.
    #[must_use]
    pub fn order(self) -> u8 {
        match self {
            Self::ResidPre => 0,
            Self::Q => 1,
            Self::K => 2,
            Self::V => 3,
            Self::Pattern => 4,
            Self::Z => 5,
            Self::AttnOut => 6,
            Self::ResidMid => 7,
            Self::MlpIn => 8,
            Self::MlpPre => 9,
            Self::MlpPost => 10,
            Self::MlpProjection => 11,
            Self::MlpOut => 12,
            Self::ResidPost => 13,
        }
    }

    /// Whether attention reads it: a run needs rows of its own wherever it is written.
    #[must_use]
    pub fn is_read_by_attention(self) -> bool {
        self.order() <= Self::V.order()
    }

    /// Where in its block runs with several writes begin of which the first is here: what is inside attention or the MLP is put
    /// into these on their way, so that all of it is computed.
    #[must_use]
    pub fn stage_of_several(self, model: &Architecture) -> Stage {
        match self.heads() {
            Heads::Query | Heads::KeyValue => Stage::Input,
            Heads::None if self.has_neurons() && model.is_parallel() => Stage::Input,
            Heads::None if self.has_neurons() => Stage::BeforeMlp,
            Heads::None => self.facts(model).stage,
        }
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

    /// Whether it is made of the neurons of an MLP's hidden layer.
    #[must_use]
    pub fn has_neurons(self) -> bool {
        matches!(self, Self::MlpPre | Self::MlpPost)
    }

    /// Whether a model has it: between attention and MLP of parallel blocks there is nothing.
    #[must_use]
    pub fn is_in(self, model: &Architecture) -> bool {
        match self {
            Self::ResidMid => !model.is_parallel(),
            Self::MlpProjection => model.has_post_norms(),
            _ => true,
        }
    }

    /// The axes that a grid over this component may have, in order.
    #[must_use]
    pub fn axes(self) -> &'static [Axis] {
        match self.heads() {
            _ if self == Self::Pattern => &[Axis::Layer, Axis::Head, Axis::DestPos, Axis::SrcPos],
            Heads::None if self.has_neurons() => &[Axis::Layer, Axis::Pos, Axis::Neuron],
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
            Heads::None if self.has_neurons() => positions * u64::from(model.d_mlp),
            Heads::None => positions * u64::from(model.d_model),
            Heads::Query => positions * u64::from(model.d_queries()),
            Heads::KeyValue => positions * u64::from(model.d_keys()),
        }
    }

    /// What a run that is patched in a layer reads of the run that is patched, besides keys and values from there on.
    #[must_use]
    pub fn base_sites(self, layer: u32, model: &Architecture) -> Vec<(u32, Self)> {
        let facts = self.facts(model);
        let is_inside_attention = facts.heads != Heads::None;
        let mut sites = vec![facts.stage.stream()];
        if is_inside_attention {
            sites.extend([changed_by_heads(model), Self::Z]);
        } else if self.has_neurons() {
            sites.push(self);
            if model.has_post_norms() {
                sites.extend([Self::ResidMid, Self::MlpProjection]);
            }
            // What a gate's neuron is multiplied by is made of what the MLP reads.
            if self == Self::MlpPre && model.mlp.gated {
                sites.push(read_by_mlp(model));
            }
        } else {
            sites.push(self);
        }
        // Queries of positions that the patch does not reach, or what it is made of.
        if facts.stage == Stage::Input || (is_inside_attention && self != Self::Z) {
            sites.push(Self::Q);
        }
        let mut sites: Vec<(u32, Self)> = sites.into_iter().map(|site| (layer, site)).collect();
        // Positions that the patch does not reach join in the next block.
        if facts.reach == Reach::OwnPosition && layer + 1 < model.layers {
            sites.extend([(layer, Self::ResidPost), (layer + 1, Self::Q)]);
        }
        sites
    }

    /// What a cell with several writes, one of them here, reads of the run that is patched, besides keys and values from there
    /// on. Where the first of them is inside attention, its runs begin with the block; where it is inside the MLP, with what that reads.
    #[must_use]
    pub fn base_sites_of_several(self, layer: u32, model: &Architecture) -> Vec<(u32, Self)> {
        let (facts, stage) = (self.facts(model), self.stage_of_several(model));
        if stage == Stage::Input && facts.stage != stage {
            return vec![(layer, Self::ResidPre), (layer, Self::Q)];
        }
        let mut sites = vec![(layer, stage.stream())];
        if !self.has_neurons() {
            sites.push((layer, self));
        }
        if stage == Stage::Input {
            sites.push((layer, Self::Q));
        } else if layer + 1 < model.layers {
            sites.extend([(layer, Self::ResidPost), (layer + 1, Self::Q)]);
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

/// The residual stream of the run that is patched to which a patch inside attention adds its change: the block's input where
/// what attention adds is computed anew as a whole.
#[must_use]
pub fn changed_by_heads(model: &Architecture) -> Component {
    if model.has_post_norms() { Component::ResidPre } else { Component::Z.facts(model).stage.stream() }
}

/// The residual stream that the MLP of a block reads, before its norm.
#[must_use]
pub fn read_by_mlp(model: &Architecture) -> Component {
    if model.is_parallel() { Component::ResidPre } else { Component::ResidMid }
}

impl Stage {
    /// The residual stream there.
    #[must_use]
    pub fn stream(self) -> Component {
        match self {
            Self::Input => Component::ResidPre,
            Self::BeforeMlp => Component::ResidMid,
            Self::Output => Component::ResidPost,
        }
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
    use crate::architecture::{NormPlace, ParallelNorms, Sizes, Wiring};

    fn plain() -> Architecture {
        Architecture::plain(Sizes { layers: 2, heads: 4, d_model: 12, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
    }

    #[test]
    fn what_a_block_reads_twice_is_twice_in_the_table() {
        let parallel = Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::Two }, ..plain() };
        assert_eq!(Component::AttnOut.facts(&plain()).stage, Stage::BeforeMlp);
        assert_eq!(Component::AttnOut.facts(&parallel).stage, Stage::Output);
        assert_eq!(Component::MlpOut.facts(&plain()).origin, Origin::EarlierTokens);
        assert_eq!(Component::MlpOut.facts(&parallel).origin, Origin::OwnToken);
        assert!(Component::ResidMid.is_in(&plain()) && !Component::ResidMid.is_in(&parallel));
        for component in Component::ALL.into_iter().filter(|component| component.is_in(&parallel)) {
            let sites = component.base_sites(0, &parallel);
            assert!(sites.iter().all(|(_, site)| site.is_in(&parallel)), "{component}");
        }
    }

    #[test]
    fn neurons_read_what_their_write_is_made_of() {
        let sites = |component: Component, model: &Architecture| -> Vec<Component> {
            component.base_sites(1, model).into_iter().map(|(_, site)| site).collect()
        };
        let mut model = plain();
        assert_eq!(sites(Component::MlpPost, &model), [Component::ResidPost, Component::MlpPost]);
        assert_eq!(sites(Component::MlpPre, &model), [Component::ResidPost, Component::MlpPre]);
        model.mlp.gated = true;
        let of_gate = [Component::ResidPost, Component::MlpPre, Component::ResidMid];
        assert_eq!(sites(Component::MlpPre, &model), of_gate);
        model.norm.place = NormPlace::After;
        let behind_norm = [Component::ResidPost, Component::MlpPost, Component::ResidMid, Component::MlpProjection];
        assert_eq!(sites(Component::MlpPost, &model), behind_norm);
        let parallel = Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::One }, ..plain() };
        let gated = Architecture { mlp: model.mlp, ..parallel };
        assert_eq!(sites(Component::MlpPre, &gated)[2], Component::ResidPre);
    }

    #[test]
    fn several_writes_begin_where_what_they_are_inside_of_does() {
        let parallel = Architecture { wiring: Wiring::Parallel { norms: ParallelNorms::One }, ..plain() };
        let stages = |component: Component| [&plain(), &parallel].map(|model| component.stage_of_several(model));
        assert_eq!(stages(Component::Z), [Stage::Input; 2]);
        assert_eq!(stages(Component::MlpPost), [Stage::BeforeMlp, Stage::Input]);
        assert_eq!(stages(Component::MlpOut), [Stage::Output; 2]);
        let of_mlp = [(1, Component::ResidMid)];
        assert_eq!(Component::MlpPre.base_sites_of_several(1, &plain()), of_mlp);
        let of_block = [(1, Component::ResidPre), (1, Component::Q)];
        assert_eq!(Component::MlpPre.base_sites_of_several(1, &parallel), of_block);
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
        let all = [Component::Q, Component::K, Component::Z, Component::Pattern, Component::MlpOut, Component::MlpPost];
        assert_eq!(all.map(numbers), [60, 30, 60, 36, 36, 48]);
    }
}
