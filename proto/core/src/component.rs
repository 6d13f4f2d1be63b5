//! What can be patched.

use std::fmt;

use crate::sites::Heads;

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
    /// Attention probabilities \[batch, head, `dest_pos`, `src_pos`\].
    Pattern,
    /// What the MLP's activation function reads \[batch, pos, `d_mlp`\]: of a gated MLP the gate's projection.
    MlpPre,
    /// What the MLP's output projection reads \[batch, pos, `d_mlp`\]: of a gated MLP the product of both.
    MlpPost,
    /// The MLP's output projection where a norm follows on it \[batch, pos, `d_model`\]. Nobody patches it; writes of single
    /// neurons are added to it.
    MlpProjection,
    /// What the MLP reads, behind its norm \[batch, pos, `d_model`\]. No grid is over it; paths are received by it.
    MlpIn,
}

impl Component {
    /// Every component that can be patched, in the order of a forward pass's description.
    pub const ALL: [Self; 12] = [
        Self::ResidPre,
        Self::ResidMid,
        Self::ResidPost,
        Self::AttnOut,
        Self::MlpOut,
        Self::Z,
        Self::Q,
        Self::K,
        Self::V,
        Self::Pattern,
        Self::MlpPre,
        Self::MlpPost,
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
            Self::Pattern => "pattern",
            Self::MlpPre => "mlp_pre",
            Self::MlpPost => "mlp_post",
            Self::MlpProjection => "mlp_projection",
            Self::MlpIn => "mlp_in",
        }
    }

    /// The component of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// The component and layer of a full hook name, for instance `blocks.8.attn.hook_z`.
    #[must_use]
    pub fn from_hook_name(name: &str) -> Option<(Self, u32)> {
        let (layer, hook) = name.strip_prefix("blocks.")?.split_once('.')?;
        let component = Self::ALL.into_iter().find(|component| component.hook() == hook)?;
        Some((component, layer.parse().ok()?))
    }

    /// The full hook name in a layer.
    #[must_use]
    pub fn hook_name(self, layer: u32) -> String {
        format!("blocks.{layer}.{}", self.hook())
    }

    /// The hook's name within a block.
    fn hook(self) -> String {
        match self {
            Self::MlpPre => "mlp.hook_pre".to_owned(),
            Self::MlpPost => "mlp.hook_post".to_owned(),
            _ if self.has_heads() => format!("attn.hook_{self}"),
            _ => format!("hook_{self}"),
        }
    }

    /// Whether the activation has a head dimension.
    #[must_use]
    pub fn has_heads(self) -> bool {
        self.heads() != Heads::None
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Component;

    #[test]
    fn names_round_trip() {
        assert!(Component::ALL.into_iter().all(|c| Component::from_name(c.name()) == Some(c)));
    }

    #[test]
    fn hook_names_round_trip() {
        assert!(Component::ALL.into_iter().all(|c| Component::from_hook_name(&c.hook_name(11)) == Some((c, 11))));
    }

    #[test]
    fn hook_names_name_a_component_and_a_layer() {
        assert_eq!(Component::from_hook_name("blocks.8.attn.hook_z"), Some((Component::Z, 8)));
        assert_eq!(Component::from_hook_name("blocks.0.hook_resid_pre"), Some((Component::ResidPre, 0)));
        assert_eq!(Component::from_hook_name("blocks.3.mlp.hook_post"), Some((Component::MlpPost, 3)));
        for name in [
            "blocks.8.hook_z",
            "blocks.8.attn.hook_resid_pre",
            "blocks.8.hook_mlp_post",
            "blocks.8.mlp.hook_mlp_post",
            "blocks.x.attn.hook_z",
            "blocks.8.attn.z",
            "z",
        ] {
            assert_eq!(Component::from_hook_name(name), None, "{name}");
        }
    }
}
