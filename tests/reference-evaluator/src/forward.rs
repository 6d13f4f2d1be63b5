//! The forward pass over one prompt, with `TransformerLens`' hooks.

use ndarray::Array2;
use patchsweep_core::architecture::{ParallelNorms, Wiring};
use patchsweep_core::grid::Component;

use crate::attention;
use crate::hooks::{Hook, Recording, hooked};
use crate::layers::{Norm, activate, capped};
use crate::model::{Block, Model};

impl Model {
    /// The first residual stream \[positions, `d_model`\]: token embeddings and, where there are any, those of positions.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Array2<f64> {
        let mut embedding = Array2::zeros((tokens.len(), self.embed.ncols()));
        for (pos, &token) in tokens.iter().enumerate() {
            let mut row = embedding.row_mut(pos);
            row.scaled_add(self.architecture.embed.scale, &self.embed.row(token as usize));
            if let (Some(table), Some(learned)) = (&self.pos_embed, self.architecture.embed.positions) {
                row += &table.row(pos + learned.offset as usize);
            }
        }
        embedding
    }

    /// Logits \[positions, vocabulary\] of one prompt's embedding \[positions, `d_model`\].
    pub(crate) fn forward(&self, embedding: &Array2<f64>, hook: &mut Hook<'_>) -> Array2<f64> {
        self.forward_dividing_as(None, embedding, hook)
    }

    /// The same, where norms of the residual stream divide as they do in another run.
    pub(crate) fn forward_dividing_as(
        &self,
        run: Option<&Recording>,
        embedding: &Array2<f64>,
        hook: &mut Hook<'_>,
    ) -> Array2<f64> {
        let mut resid = embedding.clone();
        for (layer, block) in (0..).zip(&self.blocks) {
            resid = hooked(hook, Component::ResidPre, layer, resid);
            resid = self.block(layer, block, run, resid, hook);
            resid = hooked(hook, Component::ResidPost, layer, resid);
        }
        let last = self.architecture.layers - 1;
        let logits = self.unembed.of(&normed(self.ln_final.as_ref(), &resid, stream(run, Component::ResidPost, last)));
        logits.mapv(|logit| capped(self.architecture.readout.cap, logit))
    }

    /// What a block makes of the residual stream \[positions, `d_model`\].
    fn block(
        &self,
        layer: u32,
        block: &Block,
        run: Option<&Recording>,
        resid: Array2<f64>,
        hook: &mut Hook<'_>,
    ) -> Array2<f64> {
        let of_stream =
            |norm: &Option<Norm>, component, x: &Array2<f64>| normed(norm.as_ref(), x, stream(run, component, layer));
        let first = of_stream(&block.ln1, Component::ResidPre, &resid);
        let attn_out = attention::out(&self.architecture, layer, block, &first, hook);
        let attn_out = normed(block.ln1_post.as_ref(), &attn_out, None);
        let attn_out = hooked(hook, Component::AttnOut, layer, attn_out);
        let (read_by_mlp, rest) = match self.architecture.wiring {
            Wiring::Sequential => {
                let mid = hooked(hook, Component::ResidMid, layer, resid + attn_out);
                (of_stream(&block.ln2, Component::ResidMid, &mid), mid)
            }
            Wiring::Parallel { norms: ParallelNorms::One } => (first, resid + attn_out),
            Wiring::Parallel { norms: ParallelNorms::Two } => {
                (of_stream(&block.ln2, Component::ResidPre, &resid), resid + attn_out)
            }
        };
        let read_by_mlp = hooked(hook, Component::MlpIn, layer, read_by_mlp);
        let mlp_out = normed(block.ln2_post.as_ref(), &self.mlp(layer, block, &read_by_mlp, hook), None);
        rest + hooked(hook, Component::MlpOut, layer, mlp_out)
    }

    /// \[positions, `d_model`\] to as many.
    fn mlp(&self, layer: u32, block: &Block, x: &Array2<f64>, hook: &mut Hook<'_>) -> Array2<f64> {
        let pre = block.mlp_gate.as_ref().unwrap_or(&block.mlp_in).of(x);
        let pre = hooked(hook, Component::MlpPre, layer, pre);
        let activated = pre.mapv(|x| activate(self.architecture.mlp.activation, x));
        let post = if block.mlp_gate.is_some() { activated * block.mlp_in.of(x) } else { activated };
        block.mlp_out.of(&hooked(hook, Component::MlpPost, layer, post))
    }
}

/// As it is where there is no norm. `like`: what the norm divides as, where that is not `x`.
fn normed(norm: Option<&Norm>, x: &Array2<f64>, like: Option<Array2<f64>>) -> Array2<f64> {
    match (norm, like) {
        (None, _) => x.clone(),
        (Some(norm), None) => norm.of(x),
        (Some(norm), Some(like)) => norm.dividing_as(x, &like),
    }
}

/// A residual stream of another run, if there is one.
fn stream(run: Option<&Recording>, component: Component, layer: u32) -> Option<Array2<f64>> {
    run.map(|run| run.get(component, layer).clone().into_dimensionality().expect("positions and width"))
}
