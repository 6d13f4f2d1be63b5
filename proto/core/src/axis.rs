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
    /// Position that attends.
    DestPos,
    /// Position that is attended to.
    SrcPos,
}

impl Axis {
    /// Every axis, in `TransformerLens`' order.
    pub const ALL: [Self; 6] = [Self::Layer, Self::Pos, Self::Head, Self::Neuron, Self::DestPos, Self::SrcPos];

    /// The name in specs and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Pos => "pos",
            Self::Head => "head",
            Self::Neuron => "neuron",
            Self::DestPos => "dest_pos",
            Self::SrcPos => "src_pos",
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
