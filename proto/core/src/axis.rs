//! Named dimensions of grids.

use std::fmt;

/// A named dimension of a grid. One that a grid leaves out is patched at all its indices at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// Transformer block.
    Layer,
    /// Token position.
    Pos,
    /// Attention head.
    Head,
    /// Neuron of an MLP's hidden layer.
    Neuron,
    /// Feature of a dictionary.
    Feature,
    /// Position that attends.
    DestPos,
    /// Position that is attended to.
    SrcPos,
    /// Of paths: block of the receiver.
    ToLayer,
    /// Of paths: head of the receiver.
    ToHead,
}

impl Axis {
    /// Every axis, in `TransformerLens`' order; those of receivers behind those of senders.
    pub const ALL: [Self; 9] = [
        Self::Layer,
        Self::Pos,
        Self::Head,
        Self::Neuron,
        Self::Feature,
        Self::DestPos,
        Self::SrcPos,
        Self::ToLayer,
        Self::ToHead,
    ];

    /// Those of a component or a dictionary, which a spec's grid may name.
    pub const OF_COMPONENTS: [Self; 7] =
        [Self::Layer, Self::Pos, Self::Head, Self::Neuron, Self::Feature, Self::DestPos, Self::SrcPos];

    /// The name in specs and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Pos => "pos",
            Self::Head => "head",
            Self::Neuron => "neuron",
            Self::Feature => "feature",
            Self::DestPos => "dest_pos",
            Self::SrcPos => "src_pos",
            Self::ToLayer => "to_layer",
            Self::ToHead => "to_head",
        }
    }

    /// Whether its indices are positions.
    #[must_use]
    pub fn is_of_positions(self) -> bool {
        matches!(self, Self::Pos | Self::DestPos | Self::SrcPos)
    }

    /// The axis of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn names_round_trip() {
        assert!(Axis::ALL.into_iter().all(|a| Axis::from_name(a.name()) == Some(a)));
    }
}
