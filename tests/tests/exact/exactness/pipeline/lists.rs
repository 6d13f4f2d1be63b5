//! Lists of indices as a person may write them.

use patchsweep_core::length;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::case::Notation;

/// Writes lists of a spec, one after the other.
pub(super) struct Lists<'a> {
    notation: &'a Notation,
    rng: ChaCha8Rng,
}

impl<'a> Lists<'a> {
    pub(super) fn new(notation: &'a Notation) -> Self {
        Self { notation, rng: ChaCha8Rng::seed_from_u64(notation.seed) }
    }

    /// One of two spellings.
    pub(super) fn coin(&mut self) -> bool {
        self.rng.random()
    }

    /// Layers, heads, neurons, features: in any order, from either end.
    pub(super) fn numbers(&mut self, indices: &[u32], extent: u32) -> Value {
        let order = self.shuffled(indices.len());
        order.into_iter().map(|place| self.number(indices[place], extent)).collect()
    }

    /// Positions, or spots; of prompts of so many tokens.
    pub(super) fn positions(&mut self, listed: &[u32], tokens: u32) -> Value {
        let order = self.order(listed.len());
        order.into_iter().map(|place| self.position(listed[place], tokens)).collect()
    }

    /// Places of a list of positions in the order in which it is written; where it is of words, that of the axis.
    pub(super) fn order(&mut self, count: usize) -> Vec<usize> {
        if self.notation.in_words { (0..count).collect() } else { self.shuffled(count) }
    }

    pub(super) fn position(&mut self, listed: u32, tokens: u32) -> Value {
        let Some(&behind) = self.notation.from_end.get(listed as usize) else { return self.number(listed, tokens) };
        match behind {
            0 if self.notation.in_words => "end".into(),
            _ if self.notation.in_words => format!("end-{behind}").into(),
            _ => (-1 - i64::from(behind)).into(),
        }
    }

    /// Whether positions mean the same in every prompt, so that a list of all of them may be left out.
    pub(super) fn are_numbers(&self) -> bool {
        self.notation.from_end.is_empty()
    }

    /// Whether a list is left out: it may be, where it is of all there are.
    pub(super) fn leaves_out(&mut self, indices: &[u32], extent: u32) -> bool {
        length(indices.len()) == extent && self.coin()
    }

    fn number(&mut self, index: u32, extent: u32) -> Value {
        if self.coin() { json!(index) } else { json!(i64::from(index) - i64::from(extent)) }
    }

    fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        order.shuffle(&mut self.rng);
        order
    }
}
