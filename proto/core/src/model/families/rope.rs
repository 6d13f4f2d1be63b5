//! Rotary position embedding, as transformers 5 writes it (`rope_parameters`) and as releases before it do (`rope_theta`,
//! `rope_scaling` and keys beside them).

use super::{ConfigError, Keys};
use crate::architecture::{Architecture, Pairing, Rotary, Scaling};

/// What is read, before a head's width is known.
#[derive(Clone, Copy)]
pub(super) struct Rope {
    /// The base of the frequencies.
    base: f64,
    scaling: Scaling,
    /// Which part of a head is rotated, where this stands beside the scaling.
    part: Option<f64>,
}

/// Of the frequencies, in nearly all families.
const USUAL_BASE: f64 = 10_000.0;

const PART: &str = "partial_rotary_factor";

impl Rope {
    /// Of all layers. The old key wins where it says anything, as in transformers.
    /// `base`: unless the keys say otherwise.
    pub(super) fn read(keys: &Keys<'_>, base: f64) -> Result<Self, ConfigError> {
        Self::read_with_base(keys, keys.number("rope_theta", base)?)
    }

    /// As [`Rope::read`], where the base has another old key.
    pub(super) fn read_with_base(keys: &Keys<'_>, base: f64) -> Result<Self, ConfigError> {
        let parameters = match keys.part("rope_scaling")? {
            Some(scaling) => Some(scaling),
            None => keys.part("rope_parameters")?,
        };
        let Some(parameters) = parameters else {
            return Ok(Self::plain(base));
        };
        if parameters.values().any(serde_json::Value::is_object) {
            let hint = ": this family has one rotation for all layers";
            return Err(keys.refused("rope_parameters", hint));
        }
        Self::of(keys, &parameters, base)
    }

    /// Of some layers' own keys. `base`: unless these say otherwise.
    pub(super) fn of(keys: &Keys<'_>, parameters: &Keys<'_>, base: f64) -> Result<Self, ConfigError> {
        Ok(Self {
            base: parameters.number("rope_theta", base)?,
            scaling: scaling(keys, parameters)?,
            part: parameters.number_or_null(PART, None)?,
        })
    }

    pub(super) fn plain(base: f64) -> Self {
        Self { base, scaling: Scaling::None, part: None }
    }

    /// Rotates whole heads.
    pub(super) fn whole(self, keys: &Keys<'_>, architecture: &Architecture) -> Result<Rotary, ConfigError> {
        let is_whole = |part: Option<f64>| part.is_none_or(|part| (part - 1.0).abs() < f64::EPSILON);
        if !is_whole(self.part) || !is_whole(keys.number_or_null(PART, None)?) {
            let value = self.part.map_or_else(|| "not 1".to_owned(), |part| part.to_string());
            return Err(ConfigError::Key { key: PART, value, hint: ": this family rotates whole heads" });
        }
        Ok(self.rotary(architecture.d_head))
    }

    /// Rotates the first part of each head. `part`: unless it stands beside the scaling.
    pub(super) fn partial(self, part: f64, architecture: &Architecture) -> Rotary {
        let width = f64::from(architecture.d_head) * self.part.unwrap_or(part);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a u32, cut as it is cut there"
        )]
        self.rotary(width.clamp(0.0, u32::MAX.into()) as u32)
    }

    fn rotary(self, width: u32) -> Rotary {
        Rotary { width, pairing: Pairing::Halves, base: self.base, scaling: self.scaling }
    }
}

fn scaling(keys: &Keys<'_>, parameters: &Keys<'_>) -> Result<Scaling, ConfigError> {
    let (key, kind) = match parameters.text("rope_type")? {
        Some(kind) => ("rope_type", kind),
        None => ("type", parameters.text("type")?.unwrap_or("default")),
    };
    let number = |key| match parameters.number_or_null(key, None)? {
        Some(number) => Ok(number),
        None => Err(parameters.refused(key, ": it must be a number beside this `rope_type`")),
    };
    match kind {
        // Frequencies of `dynamic` change beyond `max_position_embeddings` only, and no prompt is longer.
        "default" | "dynamic" => Ok(Scaling::None),
        "linear" => Ok(Scaling::Linear { factor: number("factor")? }),
        "llama3" => {
            const ORIGINAL: &str = "original_max_position_embeddings";
            // The outer one wins in transformers.
            let original = match keys.size_or_null(ORIGINAL, None)? {
                Some(outer) => outer,
                None => parameters.size(ORIGINAL, keys.size("max_position_embeddings", 0)?)?,
            };
            let (factor, low, high) = (number("factor")?, number("low_freq_factor")?, number("high_freq_factor")?);
            Ok(Scaling::Llama3 { factor, low, high, original })
        }
        _ => Err(parameters.refused(key, "; supported are default, linear, dynamic and llama3")),
    }
}

/// Rotates whole heads of all layers, by the usual base unless the keys say otherwise.
pub(super) fn whole_heads(architecture: &mut Architecture, keys: &Keys<'_>) -> Result<(), ConfigError> {
    let rotary = Rope::read(keys, USUAL_BASE)?.whole(keys, architecture)?;
    everywhere(architecture, rotary);
    Ok(())
}

/// Rotates the first part of each head of all layers. `part`: unless it stands beside the scaling.
pub(super) fn part_of_heads(architecture: &mut Architecture, keys: &Keys<'_>, part: f64) -> Result<(), ConfigError> {
    let rotary = Rope::read(keys, USUAL_BASE)?.partial(part, architecture);
    everywhere(architecture, rotary);
    Ok(())
}

/// The same in all layers.
pub(super) fn everywhere(architecture: &mut Architecture, rotary: Rotary) {
    for layer in &mut architecture.attention.layers {
        layer.rotary = Some(rotary);
    }
}
