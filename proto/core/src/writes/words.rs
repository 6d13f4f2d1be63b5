//! What cells write, in words.

use std::fmt::Write as _;

use super::Write;
use crate::also::Also;
use crate::dictionary::Dictionary;
use crate::grid::{Axis, Component, Grid, PatchValue};

impl PatchValue {
    /// Its name in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Zero => "zero",
            Self::Mean => "mean",
            Self::Knockout => "knockout",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Other => "of the other run",
            Self::Zero => "zero",
            Self::Mean => "the mean",
            Self::Knockout => "knocked out",
        }
    }
}

impl Grid {
    /// What its cells write, by name: of several sites all names, joined by `-`; of features their dictionary's.
    #[must_use]
    pub fn site_names(&self) -> String {
        if let Some(dictionary) = self.dictionary() {
            return dictionary.name.clone();
        }
        self.components().map(Component::name).collect::<Vec<_>>().join("-")
    }

    /// What each cell writes besides one site at its own place, in words; empty where that is all.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = self.dictionary().map_or_else(String::new, |dictionary| features_of(dictionary));
        if !self.others.is_empty() {
            let _ =
                write!(words, "{} together", self.components().map(Component::name).collect::<Vec<_>>().join(" and "));
        }
        if self.window > 1 {
            let comma = if words.is_empty() { "" } else { ", " };
            let _ = write!(words, "{comma}in windows of {} layers", self.window);
        }
        if !self.also.is_empty() {
            let comma = if words.is_empty() { "" } else { "; " };
            let _ = write!(words, "{comma}in every cell as well ");
            let all: Vec<String> = self.also.iter().take(MOST).map(Also::words).collect();
            words.push_str(&all.join(", "));
            if self.also.len() > MOST {
                let _ = write!(words, " and {} more", self.also.len() - MOST);
            }
        }
        if let Some(to) = self.to() {
            words.push_str(&to.words());
        }
        words
    }
}

fn features_of(dictionary: &Dictionary) -> String {
    format!("features of {} at {}", dictionary.name, dictionary.hook_name())
}

/// Most writes that are listed.
const MOST: usize = 12;

impl Also {
    fn words(&self) -> String {
        let Self { component, layer, value, .. } = self;
        let value = value.words();
        if !self.neurons.is_empty() {
            return format!("{component} of layer {layer}, neurons {} ({value})", ranges(&self.neurons));
        }
        if self.heads.is_empty() {
            return format!("{component} of layer {layer} ({value})");
        }
        let heads: Vec<String> = self.heads.iter().map(|head| format!("{layer}.{head}")).collect();
        format!("{component} {} ({value})", heads.join(", "))
    }
}

impl Write<'_> {
    /// What it puts where, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = match self.dictionary() {
            Some(dictionary) => features_of(dictionary),
            None => format!("{} of layer {}", self.component, self.layer),
        };
        for &axis in self.axes() {
            let name = match axis {
                Axis::Layer => "layer",
                Axis::Pos => "position",
                Axis::Head => "head",
                Axis::Neuron => "neuron",
                Axis::Feature => "feature",
                Axis::DestPos => "destination",
                Axis::SrcPos => "source",
                Axis::ToLayer | Axis::ToHead => continue,
            };
            let _ = write!(words, ", {name} {}", self.places(axis));
        }
        let _ = write!(words, ": {}", self.value.words());
        words
    }

    /// Where along an axis, by names where positions have some.
    fn places(&self, axis: Axis) -> String {
        let indices = self.indices(axis);
        let names = || indices.iter().map(|&index| self.grid().position_name(index)).collect::<Option<Vec<_>>>();
        match axis.is_of_positions().then(names).flatten() {
            Some(names) => names.join(" "),
            None => ranges(indices),
        }
    }
}

/// Ascending numbers, with a dash where they follow each other.
fn ranges(numbers: &[u32]) -> String {
    let parts = numbers.chunk_by(|a, b| a + 1 == *b).map(|part| match part {
        [first, .., last] => format!("{first}-{last}"),
        _ => part[0].to_string(),
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{Architecture, Sizes};

    #[test]
    fn what_cells_write_is_said_in_words() {
        let model = Architecture::plain(Sizes { layers: 3, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 });
        let grid = Grid::new("g".into(), Component::AttnOut, vec![Axis::Layer], &model, 4).expect("a grid");
        assert_eq!((grid.words(), grid.site_names()), (String::new(), "attn_out".to_owned()));
        let grid = grid.restricted(Axis::Pos, vec![0, 1, 3]).expect("positions").with_window(2).expect("a window");
        let grid = grid.together_with(vec![Component::MlpOut], &model).expect("equal axes");
        let value = PatchValue::Mean;
        let (component, heads) = (Component::Z, vec![0, 1]);
        let also = Also { component, layer: 2, heads, neurons: [].into(), positions: vec![2], sources: vec![], value };
        let grid = grid.with_also(also, &model, 4).expect("heads");
        assert_eq!(grid.site_names(), "attn_out-mlp_out");
        assert_eq!(
            grid.words(),
            "attn_out and mlp_out together, in windows of 2 layers; in every cell as well z 2.0, 2.1 (the mean)"
        );
        let writes: Vec<String> = grid.cell(0).writes().map(|write| write.words()).collect();
        let own = ["attn_out", "mlp_out"].map(|name| format!("{name} of layer 0, position 0-1 3: of the other run"));
        assert_eq!(writes, [&["z of layer 2, position 2, head 0-1: the mean".to_owned()], &own[..]].concat());
    }
}
