//! Whole runs of some prompts, with and without a patch.

use std::collections::BTreeSet;
use std::ops::Range;

use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_core::writes::Write;
use tch::{Kind, Tensor};

use super::features::{features, with_features};
use super::forward::{Hook, Like, forward, forward_without, hidden};
use super::hooks::{Recording, patched};
use super::knockouts::{knocked_out, knockouts};
use super::metrics::{At, score};
use super::widened::times;
use crate::torch::dictionary::DictionaryTensors;
use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;
use crate::torch::numbers::host_wide;
use crate::torch::tiles::chunk::Scores;

/// Some prompts of one iteration.
pub(crate) struct PlainChunk<'a> {
    pub(crate) context: &'a SweepContext,
    pub(crate) exec: &'a Exec<'a>,
    /// Of activations: the model's, or float64.
    pub(crate) kind: Kind,
    /// Of a tile of features.
    pub(crate) dictionary: Option<&'a DictionaryTensors>,
    pub(crate) iteration: u32,
    pub(crate) prompts: Range<u32>,
}

/// Which prompts go in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    Clean,
    Corrupted,
}

/// All logits at the read positions \[reads, prompts, vocabulary\] row by row.
pub(crate) type Logits = Vec<f64>;

impl PlainChunk<'_> {
    /// A whole run, with activations replaced where something is written; of two writes at one place the later one counts.
    pub(crate) fn logits(&self, run: Run, writes: &[(Write<'_>, Tensor)]) -> Logits {
        let knockouts = knockouts(writes.iter().map(|(write, _)| *write));
        self.logits_without(&knockouts, &self.embedding(run), None, &mut |layer, component, activation| {
            let here = writes.iter().filter(|(write, _)| (layer, component) == (write.layer, write.component));
            here.fold(activation, |activation, (write, replacement)| match self.dictionary {
                Some(dictionary) => with_features(self.exec, dictionary, write, &activation, replacement),
                None if write.value == PatchValue::Knockout => {
                    let hidden = hidden(self.exec, layer, &activation);
                    replacement.where_self(&knocked_out(write, &activation, &hidden), &activation)
                }
                None => patched(write, &activation, replacement),
            })
        })
    }

    /// A whole run that is changed on its way.
    pub(super) fn hooked_logits(&self, run: Run, like: Like<'_>, hook: &mut Hook<'_>) -> Logits {
        self.logits_from(&self.embedding(run), like, hook)
    }

    /// A whole run from its embeddings \[prompts, pos, `d_model`\] on.
    pub(super) fn logits_from(&self, embedding: &Tensor, like: Like<'_>, hook: &mut Hook<'_>) -> Logits {
        self.logits_without(&[], embedding, like, hook)
    }

    /// The same where something is knocked out of attention.
    pub(super) fn logits_without(
        &self,
        knockouts: &[Write<'_>],
        embedding: &Tensor,
        like: Like<'_>,
        hook: &mut Hook<'_>,
    ) -> Logits {
        let resid = forward_without(knockouts, self.exec, embedding, like, hook);
        let last = like.map(|streams| streams.at(self.context.architecture.layers - 1, Component::ResidPost));
        let reads: Vec<i64> = self.iteration().reads.iter().map(|&read| read.into()).collect();
        let reads = upload(&reads, resid.device());
        let at_reads = |resid: &Tensor| resid.index_select(1, &reads).transpose(0, 1);
        host_wide(&self.logits_of(&at_reads(&resid), last.as_ref().map(at_reads).as_ref()))
    }

    /// A whole run's activations at some sites; of a tile of features, the features there.
    pub(crate) fn record(&self, run: Run, sites: &BTreeSet<(u32, Component)>) -> Recording {
        let mut recording = Recording::default();
        let _ = forward(self.exec, &self.embedding(run), None, &mut |layer, component, activation| {
            if sites.contains(&(layer, component)) {
                let features = |dictionary| features(self.exec, dictionary, (layer, component), &activation);
                recording.keep(layer, component, &self.dictionary.map_or_else(|| activation.shallow_clone(), features));
            }
            activation
        });
        recording
    }

    /// Metrics of a run \[metrics\]\[prompts\]; the mean over the read positions.
    pub(crate) fn score(&self, logits: &Logits, clean: &Logits) -> Scores {
        self.score_wide(logits, clean).into_iter().map(narrow).collect()
    }

    /// The same in float64.
    pub(super) fn score_wide(&self, logits: &Logits, clean: &Logits) -> Vec<Vec<f64>> {
        let iteration = self.iteration();
        let (reads, vocabulary) = (iteration.reads.len(), self.context.architecture.d_vocab as usize);
        let row = |all: &Logits, read: usize, prompt: usize| -> Vec<f64> {
            let first = (read * self.prompts.len() + prompt) * vocabulary;
            all[first..first + vocabulary].to_vec()
        };
        let mut scores = vec![Vec::new(); self.context.metrics.len()];
        for (place, prompt) in self.prompts.clone().enumerate() {
            let mut sums = vec![0.0; scores.len()];
            for read in 0..reads {
                let entry = prompt as usize * reads + read;
                let at = At {
                    logits: row(logits, read, place),
                    clean: row(clean, read, place),
                    prompt: prompt as usize,
                    answer: iteration.answers.get(entry).copied(),
                    wrong_answer: iteration.wrong_answers.get(entry).copied(),
                };
                for (sum, metric) in sums.iter_mut().zip(&self.context.metrics) {
                    *sum += score(&metric.kind, &at);
                }
            }
            for (scores, sum) in scores.iter_mut().zip(sums) {
                scores.push(mean(sum, reads));
            }
        }
        scores
    }

    fn iteration(&self) -> &Iteration {
        &self.context.iterations[self.iteration as usize]
    }

    /// Token and position embeddings, and noise \[prompts, pos, `d_model`\].
    pub(super) fn embedding(&self, run: Run) -> Tensor {
        let noise = self.iteration().noise.as_ref();
        let (tokens, noise) = match run {
            Run::Clean => (&self.context.clean, None),
            Run::Corrupted => (&self.iteration().corrupted, noise),
        };
        let positions = tokens.positions();
        let model = self.exec.model;
        let mut embedded = self.tokens(&tokens.slice(self.prompts.clone())) * model.architecture.embed.scale;
        if let Some(pos_embed) = &model.pos_embed {
            embedded += pos_embed.slice(0, 0, i64::from(positions), 1);
        }
        match noise {
            Some(noise) => {
                let numbers: Vec<u32> = self.prompts.clone().map(|prompt| self.context.groups.number(prompt)).collect();
                embedded + model.noise(noise, &numbers, positions)
            }
            None => embedded,
        }
    }

    /// \[prompts, pos, `d_model`\]
    fn tokens(&self, tokens: &TokenMatrix) -> Tensor {
        let ids: Vec<i64> = tokens.ids().iter().map(|&id| id.into()).collect();
        let ids = upload(&ids, self.exec.model.embed.device());
        let rows = self.exec.model.embed.index_select(0, &ids).to_kind(self.kind);
        rows.view([i64::from(tokens.prompts()), i64::from(tokens.positions()), -1])
    }

    /// All logits \[reads, prompts, vocabulary\], float32 whatever the model's dtype, or float64, of the last residual stream at
    /// the read positions \[reads, prompts, `d_model`\].
    fn logits_of(&self, resid: &Tensor, like: Option<&Tensor>) -> Tensor {
        let (exec, model) = (self.exec, self.exec.model);
        let kind = if self.kind == Kind::Double { Kind::Double } else { Kind::Float };
        let normed = super::forward::norm(exec, &resid.to_kind(kind), like, model.ln_final.as_ref());
        let mut logits = times(exec, &normed, &model.unembed);
        if let Some(bias) = &model.unembed_bias {
            logits += bias;
        }
        match model.architecture.readout.cap {
            Some(cap) => (logits / cap).tanh() * cap,
            None => logits,
        }
    }
}

/// Read positions are few.
#[allow(clippy::cast_precision_loss)]
fn mean(sum: f64, count: usize) -> f64 {
    sum / count as f64
}

/// A metric is a float32.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn narrow(numbers: Vec<f64>) -> Vec<f32> {
    numbers.into_iter().map(|number| number as f32).collect()
}
