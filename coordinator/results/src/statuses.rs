//! The list of statuses, as scripts get it.

use patchsweep_core::results::CellStatus;
use serde_json::{Value, json};

/// All statuses in the order of their numbers: what they are called and how their cells look.
#[must_use]
pub fn statuses() -> Value {
    let colour = |[red, green, blue]: [u8; 3]| format!("#{red:02x}{green:02x}{blue:02x}");
    let status = |status: CellStatus| {
        let look =
            status.look().map(|look| json!({ "fill": colour(look.fill), "ink": look.ink, "strokes": look.strokes }));
        json!({
            "number": status.number(),
            "key": status.key(),
            "text": status.text(),
            "meaning": status.meaning(),
            "hasEffect": status.has_effect(),
            "look": look,
        })
    };
    CellStatus::ALL.into_iter().map(status).collect()
}

#[cfg(test)]
mod tests {
    use patchsweep_core::results::Look;

    use super::*;

    const RESULTS: &str = include_str!("../../../docs/results.md");
    const REPORT: &str = include_str!("../../../docs/report.md");

    /// The rows of the table whose head has these columns.
    fn rows<'a>(document: &'a str, head: &str) -> Vec<Vec<&'a str>> {
        let table = document.split_once(head).expect("a table with this head").1.trim_start();
        let lines = table.lines().skip(1).take_while(|line| line.starts_with('|'));
        lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn the_documented_statuses_are_those_there_are() {
        let documented: Vec<(&str, &str)> =
            rows(RESULTS, "| `status` | in short | meaning |").iter().map(|row| (row[0], row[1])).collect();
        let numbers: Vec<String> = CellStatus::ALL.iter().map(|status| status.number().to_string()).collect();
        let wanted: Vec<(&str, &str)> =
            numbers.iter().map(String::as_str).zip(CellStatus::ALL.map(CellStatus::text)).collect();
        assert_eq!(documented, wanted);
    }

    #[test]
    fn the_documented_looks_are_those_that_cells_have() {
        let documented: Vec<Vec<String>> = rows(REPORT, "| cell | status | in short | meaning |")
            .into_iter()
            .map(|row| row[..3].iter().map(|&part| part.to_owned()).collect())
            .collect();
        let row = |status: CellStatus| {
            let Look { colour, mark, .. } = status.look()?;
            Some(vec![format!("{colour}, {mark}"), status.number().to_string(), status.text().to_owned()])
        };
        assert_eq!(documented, CellStatus::ALL.into_iter().filter_map(row).collect::<Vec<_>>());
    }
}
