//! What receives paths, in words.

use std::fmt::Write as _;

use super::{Norms, Path, Receivers};

/// Most heads or layers that are listed.
const MOST: usize = 12;

impl Path<'_> {
    /// The receivers of the cell, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let name = self.to.name();
        let places = self.layers().flat_map(|layer| {
            let heads = self.heads(layer);
            let of_heads = heads.iter().map(move |head| format!("{layer}.{head}"));
            of_heads.chain(heads.is_empty().then(|| layer.to_string())).collect::<Vec<_>>()
        });
        let places: Vec<String> = places.collect();
        if places.is_empty() { format!("the {name}") } else { format!("{name} {}", listed(&places)) }
    }
}

/// The first few of them.
fn listed(places: &[String]) -> String {
    let mut listed = places.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if places.len() > MOST {
        let _ = write!(listed, " and {} more", places.len() - MOST);
    }
    listed
}

impl Receivers {
    /// Where the paths of a grid end, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let places = self.places.iter().flat_map(|(layer, heads)| {
            let of_heads = heads.iter().map(move |head| format!("{layer}.{head}"));
            of_heads.chain(heads.is_empty().then(|| layer.to_string()))
        });
        let listed = listed(&places.collect::<Vec<_>>());
        let norms = if self.norms == Norms::Frozen { ", norms frozen" } else { "" };
        let mlps = format!("MLPs {}{norms}", self.mlps.name());
        match self.name() {
            name if self.places.is_empty() => format!("paths to the {name}, {mlps}"),
            name if self.apart => format!("paths to each `{name}` alone, {mlps}"),
            "mlp_in" => format!("paths to mlp_in of layer {listed}, {mlps}"),
            name => format!("paths to {name} of {listed}, {mlps}"),
        }
    }
}
