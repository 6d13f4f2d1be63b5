//! What can be patched.

use std::fmt;

use crate::grid::Axis;

/// An activation that can be patched, by its `TransformerLens` name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Residual stream before the block \[batch, pos, `d_model`\].
    ResidPre,
    /// Residual stream between attention and MLP.
    ResidMid,
    /// Residual stream after the block.
    ResidPost,
    /// What attention adds to the residual stream.
    AttnOut,
    /// What the MLP adds to the residual stream.
    MlpOut,
    /// Attention-weighted values \[batch, pos, head, `d_head`\].
    Z,
    /// Queries.
    Q,
    /// Keys.
    K,
    /// Values.
    V,
}

impl Component {
    /// Every component, in the order of a forward pass's description.
    pub const ALL: [Self; 9] = [
        Self::ResidPre,
        Self::ResidMid,
        Self::ResidPost,
        Self::AttnOut,
        Self::MlpOut,
        Self::Z,
        Self::Q,
        Self::K,
        Self::V,
    ];

    /// `TransformerLens`' short name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResidPre => "resid_pre",
            Self::ResidMid => "resid_mid",
            Self::ResidPost => "resid_post",
            Self::AttnOut => "attn_out",
            Self::MlpOut => "mlp_out",
            Self::Z => "z",
            Self::Q => "q",
            Self::K => "k",
            Self::V => "v",
        }
    }

    /// The component of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// Whether the activation has a head dimension.
    #[must_use]
    pub fn has_heads(self) -> bool {
        matches!(self, Self::Z | Self::Q | Self::K | Self::V)
    }

    /// The axes that a grid over this component may have, in order.
    #[must_use]
    pub fn axes(self) -> &'static [Axis] {
        if self.has_heads() { &[Axis::Layer, Axis::Pos, Axis::Head] } else { &[Axis::Layer, Axis::Pos] }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
