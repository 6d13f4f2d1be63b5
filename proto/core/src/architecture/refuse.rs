//! Descriptions that no model has, or that nothing here can compute.

use super::{Architecture, LayerAttention, NormPlace, Scaling, Wiring};

/// Most layers, or heads of a layer.
const MOST_BLOCKS: u32 = 1 << 12;

/// Largest width, and most entries of a vocabulary or positions.
const MOST_WIDE: u32 = 1 << 24;

/// Why an architecture is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Zero, or so large that counting with it would overflow or listing it would take the memory.
    #[error("{name} is {size}; it must be 1 to {most}")]
    Size {
        /// Which size.
        name: &'static str,
        /// What it is.
        size: u32,
        /// The largest that is taken.
        most: u32,
    },
    /// Each key-value head serves as many query heads.
    #[error("{heads} query heads cannot share {kv_heads} key-value heads evenly")]
    Groups {
        /// Query heads.
        heads: u32,
        /// Key-value heads.
        kv_heads: u32,
    },
    /// One description for each layer.
    #[error("attention is described for {described} layers, but there are {layers}")]
    Layers {
        /// Descriptions.
        described: usize,
        /// Layers.
        layers: u32,
    },
    /// A part of a head, in pairs.
    #[error("{width} of a head's {d_head} entries cannot be rotated: it must be even and no more than there are")]
    Rotary {
        /// Entries that are rotated.
        width: u32,
        /// Entries of a head.
        d_head: u32,
    },
    /// Norms of what is added to the residual stream.
    #[error("parallel blocks with norms after attention and MLP are not supported")]
    ParallelPostNorm,
    /// Nothing would be attended to, or numbers that are none.
    #[error("{name} must be a positive number")]
    NotPositive {
        /// Which.
        name: &'static str,
    },
}

impl Architecture {
    /// Refuses what no model has, and what nothing here can compute.
    pub fn refuse_unsupported(&self) -> Result<(), Unsupported> {
        let &Self { layers, d_model, d_vocab, n_ctx, heads, kv_heads, d_head, d_mlp, .. } = self;
        let blocks = [("the number of layers", layers), ("the number of heads", heads)];
        let wide = [
            ("the width of the residual stream", d_model),
            ("the vocabulary's size", d_vocab),
            ("the number of positions", n_ctx),
            ("a head's width", d_head),
            ("an MLP's width", d_mlp),
            ("the width of all heads", heads.saturating_mul(d_head)),
            ("the number of learned positions", n_ctx.saturating_add(self.embed.positions.map_or(0, |p| p.offset))),
        ];
        for (list, most) in [(&blocks[..], MOST_BLOCKS), (&wide[..], MOST_WIDE)] {
            if let Some(&(name, size)) = list.iter().find(|(_, size)| !(1..=most).contains(size)) {
                return Err(Unsupported::Size { name, size, most });
            }
        }
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(Unsupported::Groups { heads, kv_heads });
        }
        if self.wiring != Wiring::Sequential && self.norm.place != NormPlace::Before {
            return Err(Unsupported::ParallelPostNorm);
        }
        let described = self.attention.layers.len();
        if described != layers as usize {
            return Err(Unsupported::Layers { described, layers });
        }
        self.attention.layers.iter().try_for_each(|layer| layer.refuse_unsupported(d_head))?;
        positive("the norms' eps", Some(self.norm.eps))?;
        positive("the embedding's scale", Some(self.embed.scale))?;
        positive("the bound of queries, keys and values", self.attention.clip)?;
        positive("the cap of attention scores", self.attention.score_cap)?;
        positive("the cap of logits", self.readout.cap)
    }
}

impl LayerAttention {
    fn refuse_unsupported(&self, d_head: u32) -> Result<(), Unsupported> {
        positive("the scale of attention scores", Some(self.scale))?;
        positive("the attention window", self.window.map(f64::from))?;
        let Some(rotary) = self.rotary else { return Ok(()) };
        let width = rotary.width;
        if width == 0 || width > d_head || !width.is_multiple_of(2) {
            return Err(Unsupported::Rotary { width, d_head });
        }
        positive("the rotary base", Some(rotary.base))?;
        match rotary.scaling {
            Scaling::None => Ok(()),
            Scaling::Linear { factor } => positive("the rotary scaling's factor", Some(factor)),
            Scaling::Llama3 { factor, low, high, original } => {
                positive("the rotary scaling's factor", Some(factor))?;
                positive("the rotary scaling's original number of positions", Some(original.into()))?;
                positive("the rotary scaling's high_freq_factor less low_freq_factor", Some(high - low))
            }
        }
    }
}

fn positive(name: &'static str, number: Option<f64>) -> Result<(), Unsupported> {
    let is_positive = number.is_none_or(|number| number.is_finite() && number > 0.0);
    if is_positive { Ok(()) } else { Err(Unsupported::NotPositive { name }) }
}
