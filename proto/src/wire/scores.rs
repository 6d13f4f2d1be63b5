//! `TileScores`, `CacheStats` and `MemoryUse`.

use std::ops::Range;

use super::{WireError, range_from_wire, range_to_wire};
use crate::v1;
use patchsweep_core::length;
use patchsweep_core::moments::Moments;
use patchsweep_core::scores::{CacheStats, CellScore, MemoryUse, TileScores};

const SCORES: &str = "TileScores";

impl From<&TileScores> for v1::TileScores {
    fn from(tile: &TileScores) -> Self {
        let mut zeros: Vec<Range<u32>> = Vec::new();
        let (mut counts, mut written) = (Vec::new(), Vec::new());
        for (cell, scores) in (0..).zip(tile.scores.chunks(tile.metrics)) {
            counts.push(scores[0].value.count);
            if !scores.iter().all(is_zero) {
                written.extend_from_slice(scores);
                continue;
            }
            match zeros.last_mut() {
                Some(last) if last.end == cell => last.end = cell + 1,
                _ => zeros.push(cell..cell + 1),
            }
        }
        let each = |part: fn(&CellScore) -> f64| written.iter().map(part).collect();
        Self {
            cells: length(counts.len()),
            metrics: length(tile.metrics),
            counts,
            value_mean: each(|score| score.value.mean),
            value_m2: each(|score| score.value.m2),
            effect_mean: each(|score| score.effect.mean),
            effect_m2: each(|score| score.effect.m2),
            by_prompt: tile.by_prompt.clone(),
            zeros: zeros.iter().map(range_to_wire).collect(),
        }
    }
}

/// To the last bit: -0 is written.
fn is_zero(score: &CellScore) -> bool {
    [score.value, score.effect].iter().all(|moments| moments.mean.to_bits() | moments.m2.to_bits() == 0)
}

impl TryFrom<v1::TileScores> for TileScores {
    type Error = WireError;

    fn try_from(wire: v1::TileScores) -> Result<Self, WireError> {
        let metrics = wire.metrics as usize;
        if metrics == 0 {
            return Err(WireError::invalid(SCORES, "metrics", "none"));
        }
        if wire.counts.len() != wire.cells as usize {
            return Err(WireError::invalid(SCORES, "counts", "not one per cell"));
        }
        let zeros = wire.zeros.into_iter().map(|range| range_from_wire(range, SCORES, "zeros"));
        let zeros: Vec<Range<u32>> = zeros.collect::<Result<_, _>>()?;
        let is_ascending = zeros.is_sorted_by(|a, b| a.end <= b.start);
        if !is_ascending || zeros.last().is_some_and(|last| last.end > wire.cells) {
            return Err(WireError::invalid(SCORES, "zeros", "not ascending, or not of the tile's cells"));
        }
        let cells = wire.cells as usize - zeros.iter().map(ExactSizeIterator::len).sum::<usize>();
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
        let prompts = wire.counts.first().and_then(|&count| usize::try_from(count).ok());
        let all = wire.counts.len().checked_mul(metrics);
        let effects = all.zip(prompts).and_then(|(scores, prompts)| scores.checked_mul(prompts));
        if !wire.by_prompt.is_empty() && Some(wire.by_prompt.len()) != effects {
            return Err(WireError::invalid(SCORES, "by_prompt", "not [cells, metrics, prompts]"));
        }
        let (mut index, mut zeros) = (0, zeros.into_iter().peekable());
        let mut scores = Vec::with_capacity(all.unwrap_or(0));
        for (cell, &count) in (0..).zip(&wire.counts) {
            while zeros.next_if(|range| range.end <= cell).is_some() {}
            let is_zero = zeros.peek().is_some_and(|range| range.contains(&cell));
            for _ in 0..metrics {
                if is_zero {
                    scores.push(CellScore::nothing(count));
                    continue;
                }
                scores.push(CellScore {
                    value: Moments { count, mean: wire.value_mean[index], m2: wire.value_m2[index] },
                    effect: Moments { count, mean: wire.effect_mean[index], m2: wire.effect_m2[index] },
                });
                index += 1;
            }
        }
        Ok(Self { metrics, scores, by_prompt: wire.by_prompt })
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
        let by_prompt = vec![0.5, 1.0, -3.5, -7.0];
        let tile = TileScores { metrics: 1, scores: vec![score(1.0), score(-3.0)], by_prompt };
        let wire = v1::TileScores::from(&tile);
        assert_eq!(TileScores::try_from(wire.clone()), Ok(tile));
        let short = v1::TileScores { effect_m2: vec![0.0], ..wire.clone() };
        let error = TileScores::try_from(short).unwrap_err();
        assert!(error.to_string().contains("`effect_m2`"), "{error}");
        let short = v1::TileScores { by_prompt: vec![0.0; 3], ..wire };
        let error = TileScores::try_from(short).unwrap_err();
        assert!(error.to_string().contains("`by_prompt`"), "{error}");
    }

    #[test]
    fn cells_whose_moments_are_0_take_no_room() {
        let score = |mean: f64| {
            let moments = Moments { count: 2, mean, m2: 0.0 };
            CellScore { value: moments, effect: moments }
        };
        let cells = [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [-0.0, 0.0], [0.0, 0.0]];
        let scores = cells.iter().flatten().map(|&mean| score(mean)).collect();
        let tile = TileScores { metrics: 2, scores, by_prompt: Vec::new() };
        let wire = v1::TileScores::from(&tile);
        let zeros: Vec<_> = wire.zeros.iter().map(|range| range.start..range.end).collect();
        assert_eq!((zeros, wire.value_mean.len(), wire.counts.len()), (vec![0..1, 2..4, 5..6], 4, 6));
        assert_eq!(TileScores::try_from(wire.clone()), Ok(tile));
        let refused: [&[(u32, u32)]; 3] = [&[(0, 7)], &[(2, 4), (0, 1)], &[(0, 1), (0, 1), (2, 4)]];
        for zeros in refused {
            let zeros = zeros.iter().map(|&(start, end)| v1::IndexRange { start, end }).collect();
            let error = TileScores::try_from(v1::TileScores { zeros, ..wire.clone() }).unwrap_err();
            assert!(error.to_string().contains("`zeros`"), "{error}");
        }
        let less = v1::TileScores { zeros: wire.zeros[1..].to_vec(), ..wire };
        let error = TileScores::try_from(less).unwrap_err();
        assert!(error.to_string().contains("`value_mean`"), "{error}");
    }
}
