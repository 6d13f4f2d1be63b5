//! `scores.csv`: one line for each cell, iteration and metric, for pandas and spreadsheets.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;

use ::csv::Writer;
use patchsweep_core::grid::Axis;
use patchsweep_core::results::{GridScores, SweepResults};

use super::labels::token_name;
use super::tensors::{Tensor, Values};

/// Columns with one number for each cell, and what stands behind the grid's name in the tensor's.
const NUMBERS: [(&str, &str); 12] = [
    ("effect", ""),
    ("value", ".value"),
    ("stderr", ".stderr"),
    ("low", ".low"),
    ("high", ".high"),
    ("p_value", ".p_value"),
    ("significant", ".significant"),
    ("normalized", ".normalized"),
    ("between", ".between"),
    ("estimate", ".estimate"),
    ("count", ".count"),
    ("status", ".status"),
];

/// Writes the tensors of all grids but single prompts' effects; equal tensors give equal bytes.
///
/// What a grid does not have is empty, and so is NaN. Other numbers are the shortest text that gives the same float32.
pub(super) fn write(results: &SweepResults, tensors: &[Tensor<'_>], writer: impl io::Write) -> ::csv::Result<()> {
    write_with(results, tensors, None, writer)
}

/// The same with a last column, which has a word for each grid: its head, and the words.
pub(super) fn write_with(
    results: &SweepResults,
    tensors: &[Tensor<'_>],
    last: Option<(&str, &[&str])>,
    writer: impl io::Write,
) -> ::csv::Result<()> {
    let by_name: HashMap<_, _> = tensors.iter().map(|tensor| (tensor.name.as_str(), &tensor.values)).collect();
    let mut lines = Lines { csv: Writer::from_writer(writer), text: String::new() };
    lines.head(last.map(|(head, _)| head))?;
    for (index, scores) in results.grids.iter().enumerate() {
        let name = results.tensor_name(scores);
        let numbers = NUMBERS.map(|(_, suffix)| by_name.get(format!("{name}{suffix}").as_str()).copied());
        let metric = results.metrics.get(scores.metric).map_or("", String::as_str);
        let mut places = 0..;
        for iteration in &results.iteration_labels {
            for (cell, place) in (0..scores.cells()).zip(&mut places) {
                for label in [&scores.grid, metric, iteration] {
                    lines.csv.write_field(label)?;
                }
                lines.cell(scores, cell, &results.token_labels)?;
                for values in numbers {
                    lines.number(values, place)?;
                }
                if let Some((_, words)) = last {
                    lines.csv.write_field(words[index])?;
                }
                lines.end()?;
            }
        }
    }
    Ok(lines.csv.flush()?)
}

struct Lines<W: io::Write> {
    csv: Writer<W>,
    /// Of one number at a time.
    text: String,
}

impl<W: io::Write> Lines<W> {
    fn head(&mut self, last: Option<&str>) -> ::csv::Result<()> {
        for name in ["grid", "metric", "iteration"].into_iter().chain(Axis::ALL.map(Axis::name)) {
            self.csv.write_field(name)?;
        }
        for name in Axis::ALL.into_iter().filter_map(|axis| token_name(axis.name())) {
            self.csv.write_field(name)?;
        }
        for name in NUMBERS.map(|(name, _)| name).into_iter().chain(last) {
            self.csv.write_field(name)?;
        }
        self.end()
    }

    /// The cell's layer, positions, head, neuron and feature, and the tokens at the positions.
    fn cell(&mut self, scores: &GridScores, cell: usize, tokens: &[String]) -> ::csv::Result<()> {
        let places = scores.places(cell);
        let along = |axis: Axis| {
            let number = scores.axes.iter().position(|name| name == axis.name())?;
            Some(scores.indices[number][places[number]])
        };
        let name = |axis: Axis| {
            let number = scores.axes.iter().position(|name| name == axis.name())?;
            scores.name_of(number, places[number])
        };
        for (axis, index) in Axis::ALL.map(|axis| (axis, along(axis))) {
            match (name(axis), index) {
                (Some(name), _) => self.csv.write_field(name)?,
                (None, Some(index)) => self.put(index)?,
                (None, None) => self.csv.write_field("")?,
            }
        }
        for axis in Axis::ALL.into_iter().filter(|axis| token_name(axis.name()).is_some()) {
            // Where a position is another one in each prompt, it has no token of its own.
            let index = along(axis).filter(|_| name(axis).is_none());
            let token = index.and_then(|index| tokens.get(index as usize));
            self.csv.write_field(token.map_or("", String::as_str))?;
        }
        Ok(())
    }

    fn number(&mut self, values: Option<&Values<'_>>, place: usize) -> ::csv::Result<()> {
        match values {
            Some(Values::F32(values)) if values[place].is_nan() => self.csv.write_field(""),
            // `Debug` has exponents where `Display` has dozens of zeros.
            Some(Values::F32(values)) => self.put(format_args!("{:?}", values[place])),
            Some(Values::U32(values)) => self.put(values[place]),
            Some(Values::I64(values)) => self.put(values[place]),
            None => self.csv.write_field(""),
        }
    }

    fn put(&mut self, number: impl std::fmt::Display) -> ::csv::Result<()> {
        self.text.clear();
        let _ = write!(self.text, "{number}");
        self.csv.write_field(&self.text)
    }

    fn end(&mut self) -> ::csv::Result<()> {
        self.csv.write_record(None::<&[u8]>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysed::Analysed;
    use crate::fixtures::{example, grid};
    use crate::tensors::with_statistics;

    fn text(results: &SweepResults) -> String {
        let mut bytes = Vec::new();
        let analysed = Analysed::of(results).expect("consistent");
        write(results, &with_statistics(&analysed).expect("consistent"), &mut bytes).expect("memory");
        String::from_utf8(bytes).expect("text")
    }

    /// The lines below the head, each by column.
    fn lines(text: &str) -> Vec<HashMap<String, String>> {
        ::csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().expect("a table")
    }

    #[test]
    fn a_position_has_its_name_where_it_may_be_another_in_each_prompt() {
        let mut results = example();
        for grid in results.grids.iter_mut().filter(|grid| grid.axes.len() == 2 && grid.axes[1] == "pos") {
            grid.names = vec![Vec::new(), (0..8).map(|place| format!("end-{place}")).collect()];
        }
        let line = &lines(&text(&results))[12];
        let named = ["grid", "layer", "pos", "token"].map(|column| line[column].as_str());
        assert_eq!(named, ["resid_pre", "1", "end-4", ""]);
    }

    #[test]
    fn every_cell_has_a_line_under_every_metric() {
        let results = example();
        let text = text(&results);
        assert!(text.starts_with(
            "grid,metric,iteration,layer,pos,head,neuron,feature,dest_pos,src_pos,to_layer,to_head,token,dest_token,src_token,effect,"
        ));
        let lines = lines(&text);
        assert_eq!(lines.len(), 2 * 3 * (4 * 8 + 4 * 4));
        let place = 4 * 8 + 12;
        let line = &lines[place];
        let named =
            ["grid", "metric", "iteration", "layer", "pos", "head", "token"].map(|column| line[column].as_str());
        assert_eq!(named, ["resid_pre", "logit_diff", "Iteration 1", "1", "4", "", " Officer"]);
        let number = |column: &str| line[column].parse::<f32>().expect("a number");
        assert_eq!(number("effect").to_bits(), results.grids[0].effect[place].to_bits());
        assert_eq!(number("stderr").to_bits(), results.grids[0].stderr[place].to_bits());
        assert_eq!((line["count"].as_str(), line["status"].as_str()), ("250", "0"));
    }

    #[test]
    fn what_a_cell_does_not_have_is_empty() {
        let lines = lines(&text(&example()));
        let line = &lines[17];
        let columns = ["effect", "value", "stderr", "low", "p_value", "normalized", "between", "dest_pos", "src_token"];
        assert_eq!(columns.map(|column| line[column].as_str()), [""; 9]);
        assert_eq!((line["count"].as_str(), line["status"].as_str(), line["significant"].as_str()), ("0", "1", "0"));
    }

    #[test]
    fn cells_are_named_by_their_indices_and_both_tokens() {
        let mut results = example();
        let mut pattern = grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[1, 2, 2, 2]);
        pattern.indices = vec![vec![3], vec![1, 2], vec![4, 6], vec![0, 5]];
        results.grids = vec![pattern];
        let lines = lines(&text(&results));
        let columns = ["layer", "pos", "head", "dest_pos", "src_pos", "token", "dest_token", "src_token"];
        let values = columns.map(|column| lines[5][column].as_str());
        assert_eq!(values, ["3", "", "2", "4", "5", "", " Officer", " ("]);
    }

    #[test]
    fn neurons_have_a_column() {
        let mut results = example();
        let mut post = grid("mlp_post", &["layer", "pos", "neuron"], &[1, 2, 2]);
        post.indices = vec![vec![3], vec![4, 6], vec![17, 2047]];
        results.grids = vec![post];
        let lines = lines(&text(&results));
        let columns = ["layer", "pos", "head", "neuron", "token"];
        assert_eq!(columns.map(|column| lines[1][column].as_str()), ["3", "4", "", "2047", " Officer"]);
    }

    #[test]
    fn features_have_a_column_and_no_layer() {
        let mut results = example();
        let mut features = grid("res", &["pos", "feature"], &[2, 2]);
        features.indices = vec![vec![4, 6], vec![17, 16_383]];
        results.grids = vec![features];
        let lines = lines(&text(&results));
        let columns = ["layer", "pos", "neuron", "feature", "token"];
        assert_eq!(columns.map(|column| lines[1][column].as_str()), ["", "4", "", "16383", " Officer"]);
    }

    #[test]
    fn numbers_are_short_and_give_the_same_float_back() {
        let mut results = example();
        let numbers = [1.0e-38, f32::MIN_POSITIVE, 0.1, -16_777_216.0, f32::MAX, f32::INFINITY, -0.0];
        results.grids[1].effect[..7].copy_from_slice(&numbers);
        let lines = lines(&text(&results));
        for (line, number) in lines[96..].iter().zip(numbers) {
            let written = &line["effect"];
            assert!(written.len() <= 16, "{written}");
            assert_eq!(written.parse::<f32>().expect("a number").to_bits(), number.to_bits(), "{written}");
        }
    }

    #[test]
    fn labels_that_need_quotes_are_quoted() {
        let mut results = example();
        results.iteration_labels[0] = "first, \"quoted\"".to_owned();
        results.token_labels[0] = "\n".to_owned();
        let lines = lines(&text(&results));
        assert_eq!((lines[0]["iteration"].as_str(), lines[0]["token"].as_str()), ("first, \"quoted\"", "\n"));
    }
}
