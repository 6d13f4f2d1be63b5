//! What a check says: whether cells that were drawn have the same scores when they are computed plainly.

mod compare;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use compare::mark_what_was_not_drawn;
pub use compare::{Side, TileWorkers, compare};

/// What became of a check. Differences are `None` where one of the numbers is none, or only one of them is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// The sweep that was checked.
    pub sweep: String,
    /// The check, a sweep of its own.
    pub check: String,
    /// What the cells were drawn from.
    pub seed: u64,
    /// Cells that were computed by the sweep and compared, over all iterations and grids; one whose estimate was drawn too counts twice.
    pub cells: u64,
    /// No-ops that were compared: cells that the sweep says to have no effect.
    pub noops: u64,
    /// Cells that were drawn but have no score to compare: their tile failed.
    pub without_score: u64,
    /// Cells that were drawn and are not finite numbers in both: nothing is compared.
    #[serde(default)]
    pub not_finite: u64,
    /// Of `cells`, those that another worker computed than the sweep's.
    pub by_another_worker: u64,
    /// How far the means of the grid that is furthest apart may be, measured by this.
    pub tolerance: f64,
    /// Between means of value, effect or estimate, of that grid.
    pub largest_difference: Option<f64>,
    /// No difference is above its grid's tolerance.
    pub agreed: bool,
    /// Who computed the cells for the sweep.
    pub computed_by: Vec<String>,
    /// Who computed them for the check.
    pub checked_by: Vec<String>,
    /// Each grid under each metric.
    pub grids: Vec<GridCheck>,
    /// The cell that is furthest apart.
    pub worst: Option<WorstCell>,
}

/// One grid under one metric; of a grid that is estimated its estimates are one more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GridCheck {
    /// Name of its tensor.
    pub grid: String,
    /// As in the report.
    pub cells: u64,
    /// As in the report.
    pub noops: u64,
    /// As in the report.
    pub largest_difference: Option<f64>,
    /// How far its means may be apart.
    #[serde(default)]
    pub tolerance: f64,
    /// As in the report.
    pub agreed: bool,
}

/// The cell that is furthest apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstCell {
    /// Name of its tensor.
    pub grid: String,
    /// Label of its iteration.
    pub iteration: String,
    /// The cell in words.
    pub cell: String,
    /// `effect`, `value` or `estimate`: which of its means.
    pub mean: String,
    /// As the sweep has it.
    pub computed: Option<f64>,
    /// As the check has it.
    pub checked: Option<f64>,
    /// Who computed it for the sweep; empty for a no-op.
    pub computed_by: Vec<String>,
    /// Who computed it for the check.
    pub checked_by: Vec<String>,
}
