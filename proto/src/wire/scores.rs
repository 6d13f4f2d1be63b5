//! `TileScores`, `CacheStats` and `MemoryUse`.

use super::WireError;
use crate::v1;
use patchsweep_core::length;
use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CacheStats, CellScore, MemoryUse, TileScores};

const SCORES: &str = "TileScores";

impl From<&TileScores> for v1::TileScores {
    fn from(tile: &TileScores) -> Self {
        let each = |part: fn(&CellScore) -> f64| tile.scores.iter().map(part).collect();
        let cells = tile.scores.chunks(tile.metrics);
        Self {
            cells: length(cells.len()),
            metrics: length(tile.metrics),
            counts: cells.map(|metrics| metrics[0].value.count).collect(),
            value_mean: each(|score| score.value.mean),
            value_m2: each(|score| score.value.m2),
            effect_mean: each(|score| score.effect.mean),
            effect_m2: each(|score| score.effect.m2),
            prompt_effects: tile.prompt_effects.clone(),
        }
    }
}

impl TryFrom<v1::TileScores> for TileScores {
    type Error = WireError;

    fn try_from(wire: v1::TileScores) -> Result<Self, WireError> {
        let metrics = wire.metrics as usize;
        if metrics == 0 {
            return Err(WireError::invalid(SCORES, "metrics", "none"));
        }
        let cells = wire.cells as usize;
        let lists = [
            ("value_mean", &wire.value_mean),
            ("value_m2", &wire.value_m2),
            ("effect_mean", &wire.effect_mean),
            ("effect_m2", &wire.effect_m2),
        ];
        let wanted = cells.checked_mul(metrics);
        for (field, list) in lists {
            if Some(list.len()) != wanted {
                let reason = format!("{} entries, not {cells} cells x {metrics} metrics", list.len());
                return Err(WireError::invalid(SCORES, field, reason));
            }
        }
        if wire.counts.len() != cells {
            return Err(WireError::invalid(SCORES, "counts", "not one per cell"));
        }
        let prompts = wire.counts.first().and_then(|&count| usize::try_from(count).ok());
        let effects = wanted.zip(prompts).and_then(|(scores, prompts)| scores.checked_mul(prompts));
        if !wire.prompt_effects.is_empty() && Some(wire.prompt_effects.len()) != effects {
            return Err(WireError::invalid(SCORES, "prompt_effects", "not [cells, metrics, prompts]"));
        }
        let score = |index: usize| {
            let count = wire.counts[index / metrics];
            CellScore {
                value: Moments { count, mean: wire.value_mean[index], m2: wire.value_m2[index] },
                effect: Moments { count, mean: wire.effect_mean[index], m2: wire.effect_m2[index] },
            }
        };
        let scores = (0..cells * metrics).map(score).collect();
        Ok(Self { metrics, scores, prompt_effects: wire.prompt_effects })
    }
}

impl From<CacheStats> for v1::CacheStats {
    fn from(stats: CacheStats) -> Self {
        let CacheStats { hits, misses, evictions, bytes, budget_bytes } = stats;
        Self { hits, misses, evictions, bytes, budget_bytes }
    }
}

impl From<v1::CacheStats> for CacheStats {
    fn from(wire: v1::CacheStats) -> Self {
        let v1::CacheStats { hits, misses, evictions, bytes, budget_bytes } = wire;
        Self { hits, misses, evictions, bytes, budget_bytes }
    }
}

impl From<MemoryUse> for v1::MemoryUse {
    fn from(memory: MemoryUse) -> Self {
        let MemoryUse { used, budget } = memory;
        Self { used, budget }
    }
}

impl From<v1::MemoryUse> for MemoryUse {
    fn from(wire: v1::MemoryUse) -> Self {
        let v1::MemoryUse { used, budget } = wire;
        Self { used, budget }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_round_trip_and_short_lists_are_refused() {
        let score = |x: f32| CellScore::of(&[x, 2.0 * x], &[0.5, 1.0]);
        let prompt_effects = vec![0.5, 1.0, -3.5, -7.0];
        let tile = TileScores { metrics: 1, scores: vec![score(1.0), score(-3.0)], prompt_effects };
        let wire = v1::TileScores::from(&tile);
        assert_eq!(TileScores::try_from(wire.clone()), Ok(tile));
        let short = v1::TileScores { effect_m2: vec![0.0], ..wire.clone() };
        let error = TileScores::try_from(short).unwrap_err();
        assert!(error.to_string().contains("`effect_m2`"), "{error}");
        let short = v1::TileScores { prompt_effects: vec![0.0; 3], ..wire };
        let error = TileScores::try_from(short).unwrap_err();
        assert!(error.to_string().contains("`prompt_effects`"), "{error}");
    }
}
