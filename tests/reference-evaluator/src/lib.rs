//! Activation patching as its definition says it: one full forward pass for each cell and prompt.
//!
//! Plain loops in float64, and nothing left out, so that this can be read and believed. The engine, which leaves out
//! almost everything, is held to it. The two share no code but the domain types.

// Wrong input fails a test.
#![allow(clippy::missing_panics_doc)]

mod attention;
mod dictionary;
mod estimates;
mod features;
mod forward;
mod hooks;
mod layers;
mod metrics;
mod model;
mod noise;
mod paths;
mod rotary;
mod tensors;

pub use dictionary::Dictionary;
pub use model::Model;

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::{Array2, ArrayD};
use patchsweep_core::context::{Direction, Iteration, SweepContext};
use patchsweep_core::dictionary::Dictionary as Described;
use patchsweep_core::grid::Component;
use patchsweep_core::grid::{Cell, PatchValue};
use patchsweep_core::length;
use patchsweep_core::writes::Write;

use hooks::{New, Recording, patch};
use metrics::score;

/// One iteration of a sweep, with both unpatched runs of every prompt.
pub struct BruteForce<'a> {
    model: &'a Model,
    context: &'a SweepContext,
    iteration: &'a Iteration,
    clean: Vec<Run>,
    corrupted: Vec<Run>,
    dictionaries: Vec<(Arc<Described>, Dictionary)>,
}

/// An unpatched forward pass over one prompt.
struct Run {
    /// The first residual stream, with noise \[positions, `d_model`\].
    embedding: Array2<f64>,
    /// \[positions, vocabulary\]
    logits: Array2<f64>,
    activations: Recording,
}

impl<'a> BruteForce<'a> {
    /// Runs all prompts, clean and corrupted.
    ///
    /// # Panics
    /// When there is no such iteration.
    #[must_use]
    pub fn new(model: &'a Model, context: &'a SweepContext, iteration: usize) -> Self {
        let iteration = &context.iterations[iteration];
        let prompts = 0..context.clean.prompts();
        let clean = |prompt| Run::new(model, model.embed(context.clean.row(prompt)));
        let corrupted = |prompt| {
            let mut embedding = model.embed(iteration.corrupted.row(prompt));
            if let Some(noise) = &iteration.noise {
                let positions = positions(context, prompt, &noise.positions);
                let number = context.groups.number(prompt);
                noise::add(&mut embedding, noise, &positions, number, model.embedding_deviation());
            }
            Run::new(model, embedding)
        };
        let (clean, corrupted) = (prompts.clone().map(clean).collect(), prompts.map(corrupted).collect());
        Self { model, context, iteration, clean, corrupted, dictionaries: Vec::new() }
    }

    /// Metrics of the clean runs \[metrics\]\[prompts\].
    #[must_use]
    pub fn clean(&self) -> Vec<Vec<f64>> {
        self.score(|prompt| self.clean[prompt].logits.clone())
    }

    /// Metrics of the corrupted runs \[metrics\]\[prompts\].
    #[must_use]
    pub fn corrupted(&self) -> Vec<Vec<f64>> {
        self.score(|prompt| self.corrupted[prompt].logits.clone())
    }

    /// Metrics of the run that is patched, before it is \[metrics\]\[prompts\].
    #[must_use]
    pub fn unpatched(&self) -> Vec<Vec<f64>> {
        match self.context.direction {
            Direction::Noising => self.clean(),
            Direction::Denoising => self.corrupted(),
        }
    }

    /// Metrics of the runs with a cell patched \[metrics\]\[prompts\].
    #[must_use]
    pub fn patched(&self, cell: &Cell<'_>) -> Vec<Vec<f64>> {
        let (patched, others) = match self.context.direction {
            Direction::Noising => (&self.clean, &self.corrupted),
            Direction::Denoising => (&self.corrupted, &self.clean),
        };
        self.score(|prompt| {
            let replacement = |write: &Write<'_>| {
                if let Some(described) = write.dictionary() {
                    return New::Features(self.dictionary(described), self.new_features(write, described, prompt));
                }
                let other = others[prompt].activations.get(write.component, write.layer);
                match write.value {
                    PatchValue::Other => New::Activation(other.clone()),
                    PatchValue::Zero => New::Activation(ArrayD::zeros(other.raw_dim())),
                    PatchValue::Mean => New::Activation(self.corrupted_mean(write.component, write.layer)),
                    PatchValue::Knockout => New::KnockedOut,
                }
            };
            let writes: Vec<_> = cell.writes().map(|write| (write, replacement(&write))).collect();
            let positions = |listed: &[u32]| positions(self.context, length(prompt), listed);
            if let Some(path) = cell.path() {
                return paths::logits(self.model, &path, &writes, &patched[prompt]);
            }
            self.model.forward(&patched[prompt].embedding, &mut patch(&writes, &positions))
        })
    }

    /// Over all corrupted prompts, entry by entry and so position by position.
    fn corrupted_mean(&self, component: Component, layer: u32) -> ArrayD<f64> {
        let activations = self.corrupted.iter().map(|run| run.activations.get(component, layer).clone());
        let sum = activations.reduce(|sum, activation| sum + activation).expect("a sweep has prompts");
        sum / f64::from(self.context.clean.prompts())
    }

    /// Every metric of every prompt, from its logits \[positions, vocabulary\].
    fn score(&self, logits: impl Fn(usize) -> Array2<f64>) -> Vec<Vec<f64>> {
        let prompts = 0..self.clean.len();
        let logits: Vec<Array2<f64>> = prompts.clone().map(logits).collect();
        let metric = |kind| {
            let value = |prompt: usize| {
                let read = |&read: &u32| positions(self.context, length(prompt), &[read])[0];
                let reads: Vec<u32> = self.iteration.reads.iter().map(read).collect();
                score(kind, &logits[prompt], &self.clean[prompt].logits, (self.iteration, &reads), prompt)
            };
            prompts.clone().map(value).collect()
        };
        self.context.metrics.iter().map(|m| metric(&m.kind)).collect()
    }
}

/// The positions of a prompt that are listed: themselves, or where its group has these spots.
fn positions(context: &SweepContext, prompt: u32, listed: &[u32]) -> Vec<u32> {
    let mut behind = 0;
    for group in &context.groups.groups {
        behind += group.prompts;
        if prompt < behind {
            // Of two spots at one position each counts once.
            let spots = listed.iter().flat_map(|&spot| group.spots[spot as usize].clone());
            return spots.collect::<BTreeSet<u32>>().into_iter().collect();
        }
    }
    listed.to_vec()
}

impl Run {
    fn new(model: &Model, embedding: Array2<f64>) -> Self {
        let mut activations = Recording::default();
        let logits = model.forward(&embedding, &mut |component, layer, activation| {
            activations.keep(component, layer, activation);
        });
        Self { embedding, logits, activations }
    }
}
