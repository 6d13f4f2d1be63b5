//! A sweep's scores, whole or so far: what the results folder and the lists are made from.

pub use crate::cell_status::{CellStatus, Look};

/// All tensors of a sweep, with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepResults {
    /// As in the spec.
    pub name: String,
    /// Labels \[iterations\].
    pub iteration_labels: Vec<String>,
    /// Token strings of the first clean prompt \[positions\].
    pub token_labels: Vec<String>,
    /// The line of the dataset that each prompt is on, counted from 1 \[prompts\]; none where it has no lines.
    pub lines: Vec<u32>,
    /// Names \[metrics\]; the first is the main one.
    pub metrics: Vec<String>,
    /// The clean run \[metrics\].
    pub clean: Vec<Baseline>,
    /// The corrupted run \[metrics\].
    pub corrupted: Vec<Baseline>,
    /// What became of the baselines \[iterations\]: computed (finite or not), failed, pending, or not drawn.
    pub baselines: Vec<CellStatus>,
    /// Every grid under every metric.
    pub grids: Vec<GridScores>,
    /// A JSON object.
    pub manifest: String,
    /// How often each iteration was computed, with another corruption each time; at least 1.
    pub replicates: u32,
}

/// The clean or the corrupted run under one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// Mean metric \[iterations\]; NaN where it was given up or is pending, as everything else.
    pub mean: Vec<f32>,
    /// Standard error of that mean \[iterations\]; NaN for a single prompt.
    pub stderr: Vec<f32>,
    /// Metric on each prompt \[iterations, prompts\], the mean over replicates; empty where the spec does not say `per_prompt`.
    pub per_prompt: Vec<f32>,
}

/// What a place along an axis is known by.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Coordinate {
    /// A layer, head, neuron or position.
    Number(u32),
    /// A position that may be another one in each prompt.
    Name(String),
}

impl std::fmt::Display for Coordinate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// One grid under one metric. All tensors are \[iterations, axes..\], row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct GridScores {
    /// Index of the metric.
    pub metric: usize,
    /// The grid's name.
    pub grid: String,
    /// `TransformerLens`' name of the component; of several their names, joined by `-`.
    pub component: String,
    /// What each cell writes besides that at its own place, in words; empty where that is all.
    pub writes: String,
    /// Axis names, without iteration.
    pub axes: Vec<String>,
    /// The layers, positions or heads along those axes; where they have names, counted from 0.
    pub indices: Vec<Vec<u32>>,
    /// Names of positions along those axes, none along one whose places are numbers; empty where no axis has names.
    pub names: Vec<Vec<String>>,
    /// Mean effect, in the metric's unit.
    pub effect: Vec<f32>,
    /// Mean patched metric.
    pub value: Vec<f32>,
    /// (patched - corrupted) / (clean - corrupted), of the means; NaN where clean and corrupted mean are equal but for
    /// rounding; empty where the metric is not normalized.
    pub normalized: Vec<f32>,
    /// Standard error of the mean effect; NaN for a single prompt.
    pub stderr: Vec<f32>,
    /// Prompts behind each cell.
    pub count: Vec<u64>,
    /// What each score is worth.
    pub status: Vec<CellStatus>,
    /// Effect on each prompt \[iterations, axes.., prompts\], the mean over replicates; empty where the spec does not say
    /// `per_prompt`.
    pub per_prompt: Vec<f32>,
    /// Standard deviation of the mean effect between replicates; empty where there is one only.
    pub between: Vec<f32>,
    /// Estimated mean effect, from gradients, in the metric's unit; NaN where it is not known; empty where the grid has no
    /// `estimate`.
    pub estimate: Vec<f32>,
}

impl SweepResults {
    /// What a mean clean or corrupted metric is worth.
    #[must_use]
    pub fn baseline_status(&self, iteration: usize, mean: f32) -> CellStatus {
        match self.baselines.get(iteration) {
            Some(CellStatus::Computed) if !mean.is_finite() => CellStatus::NotFinite,
            Some(&status) => status,
            None => CellStatus::Failed,
        }
    }

    /// Prompts of which each is kept; none where it is not.
    #[must_use]
    pub fn kept_prompts(&self) -> usize {
        self.clean.first().map_or(0, Baseline::kept_prompts)
    }

    /// Name of a grid's tensors in files: the grid's, with `@metric` behind it for all but the main metric.
    #[must_use]
    pub fn tensor_name(&self, scores: &GridScores) -> String {
        match scores.metric {
            0 => scores.grid.clone(),
            metric => format!("{}@{}", scores.grid, self.metrics[metric]),
        }
    }
}

impl Baseline {
    /// Prompts of each iteration of which each is kept; none where it is not.
    #[must_use]
    pub fn kept_prompts(&self) -> usize {
        self.per_prompt.len().checked_div(self.mean.len()).unwrap_or(0)
    }

    /// The metric on each prompt of an iteration; none where it was not kept.
    #[must_use]
    pub fn of_prompts(&self, iteration: usize) -> &[f32] {
        let prompts = self.kept_prompts();
        &self.per_prompt[iteration * prompts..][..prompts]
    }
}

impl GridScores {
    /// What an index along an axis is known by.
    #[must_use]
    pub fn coordinate(&self, axis: usize, index: u32) -> Coordinate {
        // Where places have names, indices count them.
        let name = self.name_of(axis, index as usize);
        name.map_or(Coordinate::Number(index), |name| Coordinate::Name(name.to_owned()))
    }

    /// The name of a place along an axis, where places along it have names.
    #[must_use]
    pub fn name_of(&self, axis: usize, place: usize) -> Option<&str> {
        self.names_along(axis).get(place).map(String::as_str)
    }

    /// Names of the places along an axis; none where they are numbers.
    #[must_use]
    pub fn names_along(&self, axis: usize) -> &[String] {
        self.names.get(axis).map_or(&[], Vec::as_slice)
    }

    /// Whether the cells are the same: the axes, and what each place along them is known by.
    #[must_use]
    pub fn has_cells_of(&self, other: &Self) -> bool {
        // Where places have names, indices count them, and are equal wherever there are as many.
        let mut axes = 0..self.axes.len();
        (&self.axes, &self.indices) == (&other.axes, &other.indices)
            && axes.all(|axis| self.names_along(axis) == other.names_along(axis))
    }

    /// Sizes of the axes.
    #[must_use]
    pub fn extents(&self) -> Vec<usize> {
        self.indices.iter().map(Vec::len).collect()
    }

    /// The effects of a cell on each prompt; none where they were not kept.
    ///
    /// `place`: over all iterations, row-major.
    #[must_use]
    pub fn of_prompts(&self, place: usize) -> &[f32] {
        let prompts = self.per_prompt.len() / self.effect.len().max(1);
        &self.per_prompt[place * prompts..][..prompts]
    }

    /// Cells of one iteration.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.indices.iter().map(Vec::len).product()
    }

    /// Places, one per axis, of a cell given by its row-major place in an iteration.
    #[must_use]
    pub fn places(&self, cell: usize) -> Vec<usize> {
        let mut rest = cell;
        let mut places: Vec<usize> = self
            .indices
            .iter()
            .rev()
            .map(|indices| {
                let place = rest % indices.len();
                rest /= indices.len();
                place
            })
            .collect();
        places.reverse();
        places
    }
}
