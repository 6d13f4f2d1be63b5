//! What the script shows of the cell under the pointer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use patchsweep_core::results::GridScores;
use serde_json::{Map, Value, json};

use super::text;
use crate::figure::{Figure, drawing_order};
use crate::statistics::Statistics;

/// How much the page shows of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// All that the results have.
    Full,
    /// Effect and standard error.
    Effect,
}

impl Detail {
    /// Bytes that the numbers of some cells take, at least.
    pub(super) fn bytes(self, scores: &GridScores) -> usize {
        let arrays = match self {
            Self::Full => 6,
            Self::Effect => 2,
        };
        // Four characters of base64 are three bytes.
        scores.effect.len() * (arrays * 4 + 1) / 3 * 4
    }
}

/// A script element with the numbers behind a figure, in the order of its cells.
pub(super) fn data(
    figure: &Figure,
    scores: &GridScores,
    statistics: &Statistics,
    (quantity, detail): (&str, Detail),
) -> String {
    let order = drawing_order(scores);
    let floats = |values: &[f32]| numbers(scores, &order, values, f32::to_le_bytes);
    let mut fields =
        Map::from_iter([("effect".to_owned(), floats(&scores.effect)), ("stderr".to_owned(), floats(&scores.stderr))]);
    if detail == Detail::Full {
        let all = [
            ("low", &statistics.low),
            ("high", &statistics.high),
            ("p", &statistics.p_value),
            ("value", &scores.value),
            ("normalized", &scores.normalized),
            ("between", &scores.between),
            ("estimate", &scores.estimate),
        ];
        let there = all.into_iter().filter(|(_, values)| !values.is_empty());
        fields.extend(there.map(|(name, values)| (name.to_owned(), floats(values))));
    }
    let geometry = figure.geometry();
    let is_heads = scores.axes == ["layer", "head"];
    let names = |names: &[String]| -> Value {
        let bare = |name: &String| {
            if is_heads { name.split(' ').next_back().unwrap_or_default().into() } else { name.clone() }
        };
        names.iter().map(bare).collect()
    };
    let data = json!({
        "quantity": quantity,
        "cell": geometry.cell,
        "facets": geometry.facets,
        "rows": names(geometry.rows),
        "columns": names(geometry.columns),
        "join": if is_heads { "." } else { ", " },
        "fields": fields,
        "count": counts(scores, &order),
        "status": numbers(scores, &order, &scores.status, |status| [u8::try_from(status.number()).expect("a handful of statuses")]),
        "significant":
            numbers(scores, &order, &statistics.significant, |significant| [u8::from(significant == 1)]),
    });
    format!("<script type=\"application/json\">{}</script>\n", text::script_json(&data))
}

/// Little-endian numbers in base64.
fn numbers<T: Copy, const BYTES: usize>(
    scores: &GridScores,
    order: &[usize],
    values: &[T],
    bytes: impl Fn(T) -> [u8; BYTES],
) -> Value {
    let mut all = Vec::with_capacity(values.len() * BYTES);
    for iteration in values.chunks(scores.cells().max(1)) {
        all.extend(order.iter().flat_map(|&place| bytes(iteration[place])));
    }
    STANDARD.encode(all).into()
}

/// A single number where all cells that have a score have as many prompts.
fn counts(scores: &GridScores, order: &[usize]) -> Value {
    let mut there = scores.count.iter().copied().filter(|&count| count > 0);
    let first = there.next().unwrap_or(0);
    if there.all(|count| count == first) {
        return first.into();
    }
    numbers(scores, order, &scores.count, |count| {
        u32::try_from(count).expect("prompts are counted in 32 bits").to_le_bytes()
    })
}
