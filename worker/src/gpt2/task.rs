//! One tile: baselines, or batches of patched runs.

use std::collections::{BTreeMap, BTreeSet};

use patchsweep_proto::context::SweepContext;
use patchsweep_proto::grid::{Cell, Component};
use patchsweep_proto::scores::{CellScore, TileScores};
use patchsweep_proto::tile::Tile;
use tch::{Device, Tensor};

use super::hooks::{Hook, NoHook, Patch};
use super::runs::{ActivationCache, Site};
use super::weights::Gpt2;

/// One patched run: a patch and the prompt that it is made in.
#[derive(Clone, Copy)]
struct Row {
    /// Index in the tile's cells.
    cell_index: usize,
    cell: Cell,
    /// Index in the tile's prompts.
    prompt: usize,
}

/// One tile in hand.
pub(super) struct TileTask<'a> {
    context: &'a SweepContext,
    tile: &'a Tile,
    model: &'a Gpt2,
    cache: &'a mut ActivationCache,
    rows_per_batch: usize,
    /// Token ids of the answers \[prompts of the tile\].
    answers: &'a [u32],
}

impl<'a> TileTask<'a> {
    pub(super) fn new(
        context: &'a SweepContext,
        tile: &'a Tile,
        model: &'a Gpt2,
        cache: &'a mut ActivationCache,
        batch_bytes: u64,
    ) -> Self {
        let prompts = tile.prompts.start as usize..tile.prompts.end as usize;
        let answers = &context.iterations[tile.iteration as usize].answers[prompts];
        Self { context, tile, model, cache, rows_per_batch: rows_per_batch(context, batch_bytes), answers }
    }

    /// Two cells: the clean and the corrupted run.
    pub(super) fn baselines(&mut self) -> TileScores {
        let last = self.last_site();
        let clean = self.clean(&[last]).remove(&last).map(|resid| self.all_metrics(&resid)).unwrap_or_default();
        let corrupted = self.corrupted(&[last]).remove(&last).map(|resid| self.all_metrics(&resid)).unwrap_or_default();
        let score = |values: &Vec<f32>, clean: &Vec<f32>| CellScore::of(values, clean);
        let pairs = |values: &[Vec<f32>]| values.iter().zip(&clean).map(|(v, c)| score(v, c)).collect::<Vec<_>>();
        TileScores { metrics: clean.len(), scores: [pairs(&clean), pairs(&corrupted)].concat() }
    }

    /// The patched runs of all cells.
    pub(super) fn patches(&mut self) -> TileScores {
        let cells = self.tile.patches(self.context);
        let rows = self.live_rows(&cells);
        let layers: BTreeSet<u32> = rows.iter().map(|row| row.cell.layer).collect();
        let last = self.last_site();
        let starts = layers.iter().map(|&layer| (layer, Component::ResidPre));
        let clean = self.clean(&starts.chain([last]).collect::<Vec<_>>());
        let sources = rows.iter().map(|row| (row.cell.layer, row.cell.component));
        let corrupted = self.corrupted(&sources.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
        let clean_metrics = self.all_metrics(&clean[&last]);
        // A patch that cannot change the score keeps the clean metric: its effect is exactly 0.
        let mut values = vec![clean_metrics.clone(); cells.len()];
        for batch in rows.chunks(self.rows_per_batch) {
            let scores = self.run_batch(batch, &clean, &corrupted);
            for (metric, scores) in scores.iter().enumerate() {
                for (row, &score) in batch.iter().zip(scores) {
                    values[row.cell_index][metric][row.prompt] = score;
                }
            }
        }
        let score = |(values, clean): (&Vec<f32>, &Vec<f32>)| CellScore::of(values, clean);
        let scores = values.iter().flat_map(|cell| cell.iter().zip(&clean_metrics)).map(score).collect();
        TileScores { metrics: clean_metrics.len(), scores }
    }

    /// Pairs of cell and prompt whose patch can change the score, by layer.
    fn live_rows(&self, cells: &[Cell]) -> Vec<Row> {
        let layers = self.context.shape.layers;
        let prompts = self.tile.prompts.clone();
        let mut rows = Vec::new();
        for (cell_index, &cell) in cells.iter().enumerate() {
            for (prompt, global) in prompts.clone().enumerate() {
                if !self.context.prompt_pair(self.tile.iteration, global).is_noop(&cell, layers) {
                    rows.push(Row { cell_index, cell, prompt });
                }
            }
        }
        rows.sort_by_key(|row| row.cell.layer);
        rows
    }

    /// One growing batch: rows join at the layer of their patch. Metrics \[metrics\]\[rows\].
    fn run_batch(
        &self,
        batch: &[Row],
        clean: &BTreeMap<Site, Tensor>,
        corrupted: &BTreeMap<Site, Tensor>,
    ) -> Vec<Vec<f32>> {
        let first_layer = batch[0].cell.layer;
        let mut joined = 0;
        let mut resid: Option<Tensor> = None;
        for layer in first_layer..self.context.shape.layers {
            let joining: Vec<Row> = batch[joined..].iter().take_while(|row| row.cell.layer == layer).copied().collect();
            let mut hook: Box<dyn Hook> = Box::new(NoHook);
            if let Some(row) = joining.first() {
                let prompts = self.prompt_index(&joining);
                let start = clean[&(layer, Component::ResidPre)].index_select(0, &prompts);
                resid = Some(resid.map_or_else(|| start.shallow_clone(), |x| Tensor::cat(&[&x, &start], 0)));
                let component = row.cell.component;
                let values = corrupted[&(layer, component)].index_select(0, &prompts);
                let mask = self.mask(&joining, values.device());
                let first_row = i64::try_from(joined).unwrap_or(i64::MAX);
                hook = Box::new(Patch { layer, component, first_row, values, mask });
                joined += joining.len();
            }
            resid = resid.map(|x| self.model.block(layer, x, hook.as_mut()));
        }
        let read = i64::from(self.context.iterations[self.tile.iteration as usize].read);
        let resid = resid.map(|x| x.select(1, read)).unwrap_or_default();
        let answers = self.answer_ids(batch.iter().map(|row| row.prompt), resid.device());
        self.metrics(&resid, &answers)
    }

    /// Where each row is patched: bool \[rows, pos, head, 1\], without heads \[rows, pos, 1\].
    fn mask(&self, rows: &[Row], device: Device) -> Tensor {
        let positions = self.context.clean.positions();
        let component = rows[0].cell.component;
        let heads = if component.has_heads() { self.context.shape.heads } else { 1 };
        let mut mask = Vec::with_capacity(rows.len() * positions as usize * heads as usize);
        for Row { cell, .. } in rows {
            for pos in 0..positions {
                let here = cell.pos.is_none_or(|wanted| wanted == pos);
                mask.extend((0..heads).map(|head| here && cell.head.is_none_or(|wanted| wanted == head)));
            }
        }
        let mut shape = vec![-1, i64::from(positions)];
        shape.extend(component.has_heads().then_some(i64::from(heads)));
        shape.push(1);
        Tensor::from_slice(&mask).view(shape.as_slice()).to_device(device)
    }

    fn clean(&mut self, sites: &[Site]) -> BTreeMap<Site, Tensor> {
        let tokens = self.context.clean.slice(self.tile.prompts.clone());
        let last = self.last_site();
        let record = |layer, component| component == Component::ResidPre || (layer, component) == last;
        self.cache.activations(self.model, self.context.dtype, &tokens, sites, &record, self.rows_per_batch)
    }

    fn corrupted(&mut self, sites: &[Site]) -> BTreeMap<Site, Tensor> {
        let iteration = &self.context.iterations[self.tile.iteration as usize];
        let tokens = iteration.corrupted.slice(self.tile.prompts.clone());
        let last = self.last_site();
        let grids = &self.context.grids;
        let patched = |component| grids.iter().any(|grid| grid.component == component);
        let record = |layer, component| patched(component) || (layer, component) == last;
        self.cache.activations(self.model, self.context.dtype, &tokens, sites, &record, self.rows_per_batch)
    }

    fn last_site(&self) -> Site {
        (self.context.shape.layers - 1, Component::ResidPost)
    }

    /// All metrics of a whole run \[metrics\]\[prompts\]. `resid`: \[prompts, pos, `d_model`\].
    fn all_metrics(&self, resid: &Tensor) -> Vec<Vec<f32>> {
        let read = i64::from(self.context.iterations[self.tile.iteration as usize].read);
        let answers = self.answer_ids(0..self.answers.len(), resid.device());
        self.metrics(&resid.select(1, read), &answers)
    }

    fn metrics(&self, resid: &Tensor, answers: &Tensor) -> Vec<Vec<f32>> {
        self.context.metrics.iter().map(|metric| self.model.metric(&metric.kind, resid, answers)).collect()
    }

    fn answer_ids(&self, prompts: impl Iterator<Item = usize>, device: Device) -> Tensor {
        let ids: Vec<i64> = prompts.map(|prompt| self.answers[prompt].into()).collect();
        Tensor::from_slice(&ids).to_device(device)
    }

    fn prompt_index(&self, rows: &[Row]) -> Tensor {
        let index: Vec<i64> = rows.iter().map(|row| i64::try_from(row.prompt).unwrap_or(i64::MAX)).collect();
        Tensor::from_slice(&index).to_device(self.model.embed.device())
    }
}

/// Rows whose largest activation fits the budget, at least one.
fn rows_per_batch(context: &SweepContext, batch_bytes: u64) -> usize {
    let shape = context.shape;
    let positions = u64::from(context.clean.positions());
    let widest = u64::from(shape.d_mlp.max(3 * shape.d_model)).max(u64::from(shape.heads) * positions);
    // Attention scores are float32 whatever the model's dtype.
    let row_bytes = 4 * positions * widest;
    usize::try_from(batch_bytes / row_bytes).unwrap_or(usize::MAX).max(1)
}
