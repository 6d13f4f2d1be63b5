//! Rotary position embedding, after Su et al., "RoFormer" (2021).

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

/// How the first entries of each query and key are rotated: pair i of position p by the angle p · frequency i.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotary {
    /// So many of a head's entries are rotated, the first ones; even.
    pub width: u32,
    /// Which entries are pairs.
    pub pairing: Pairing,
    /// Frequencies are base^(-2i / width).
    pub base: f64,
    /// What is made of these.
    pub scaling: Scaling,
}

/// Which two of `width` entries are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// Entries i and i + width / 2.
    Halves,
    /// Entries 2i and 2i + 1.
    Adjacent,
}

/// How frequencies are changed for prompts longer than those of the first training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scaling {
    /// They are not.
    None,
    /// All are divided by `factor`.
    Linear {
        /// Positive.
        factor: f64,
    },
    /// As Hugging Face's `llama3`: wavelengths longer than `original` / `low` positions are multiplied by `factor`, those
    /// shorter than `original` / `high` stay, and in between frequencies are interpolated.
    Llama3 {
        /// Positive.
        factor: f64,
        /// `low_freq_factor`, less than `high`.
        low: f64,
        /// `high_freq_factor`.
        high: f64,
        /// `original_max_position_embeddings`.
        original: u32,
    },
}

impl Rotary {
    /// Radians per position, one for each pair.
    #[must_use]
    pub fn frequencies(&self) -> Vec<f64> {
        let width = f64::from(self.width);
        let plain = (0..self.width / 2).map(|pair| self.base.powf(-2.0 * f64::from(pair) / width));
        plain.map(|frequency| self.scaling.of(frequency)).collect()
    }
}

impl Scaling {
    fn of(self, frequency: f64) -> f64 {
        match self {
            Self::None => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 { factor, low, high, original } => {
                // How often the original context turns it around.
                let turns = f64::from(original) * frequency / TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                kept * frequency + (1.0 - kept) * frequency / factor
            }
        }
    }
}
