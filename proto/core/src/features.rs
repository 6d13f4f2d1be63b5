//! Grids over the features of a dictionary.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::architecture::Architecture;
use crate::axis::Axis;
use crate::dictionary::Dictionary;
use crate::grid::{AxesError, Cell, Grid, PatchValue};

/// The axes that a grid over features may have, in order: a dictionary is of one layer.
pub(crate) const AXES: &[Axis] = &[Axis::Pos, Axis::Feature];

impl Grid {
    /// A grid over all positions and features of a dictionary that fits the model, restricted by [`Grid::restricted`].
    ///
    /// `positions`: tokens of each prompt.
    pub fn over_features(
        name: String,
        dictionary: Arc<Dictionary>,
        axes: Vec<Axis>,
        model: &Architecture,
        positions: u32,
    ) -> Result<Self, AxesError> {
        let called = || dictionary.name.clone();
        if let Some(&axis) = axes.iter().find(|axis| !AXES.contains(axis)) {
            return Err(AxesError::NotOfDictionary { dictionary: called(), axis });
        }
        if !axes.is_sorted_by(|a, b| a < b) {
            return Err(AxesError::FeatureOrder);
        }
        if axes.is_empty() {
            return Err(AxesError::NoFeatureAxis { dictionary: called() });
        }
        let selected = BTreeMap::from([
            (Axis::Layer, vec![dictionary.layer]),
            (Axis::Pos, (0..positions).collect()),
            (Axis::Feature, (0..dictionary.features).collect()),
        ]);
        Ok(Self {
            name,
            component: dictionary.component,
            axes,
            value: PatchValue::Other,
            selected: Arc::new(selected),
            others: Vec::new(),
            window: 1,
            also: Vec::new(),
            layers: model.layers,
            dictionary: Some(dictionary),
            to: None,
            estimate: None,
            spots: None,
            places: BTreeMap::new(),
        })
    }

    /// The dictionary whose features its cells write; `None` where they write activations.
    #[must_use]
    pub fn dictionary(&self) -> Option<&Arc<Dictionary>> {
        self.dictionary.as_ref()
    }

    /// The axes that it may have, in order.
    #[must_use]
    pub fn site_axes(&self) -> &'static [Axis] {
        if self.dictionary.is_some() { AXES } else { self.component.axes() }
    }

    /// What of it is written as a whole is a feature of a dictionary, which nothing else is written with.
    pub(crate) fn refuse_features(&self) -> Result<(), AxesError> {
        match &self.dictionary {
            Some(dictionary) => Err(AxesError::FeaturesWithOthers { dictionary: dictionary.name.clone() }),
            None => Ok(()),
        }
    }

    /// How many indices it lists over all axes of a dictionary, of prompts of so many positions.
    #[must_use]
    pub fn feature_index_count(dictionary: &Dictionary, positions: u32) -> u64 {
        1 + u64::from(positions) + u64::from(dictionary.features)
    }
}

impl<'a> Cell<'a> {
    /// The dictionary whose features it writes.
    #[must_use]
    pub fn dictionary(&self) -> Option<&'a Arc<Dictionary>> {
        self.grid().dictionary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Sizes;
    use crate::dictionary::Encoder;
    use crate::digest::Digest;
    use crate::grid::Component;

    fn model() -> Architecture {
        Architecture::plain(Sizes { layers: 3, heads: 2, d_model: 4, d_mlp: 16, d_vocab: 10, n_ctx: 8 })
    }

    fn grid(axes: &[Axis]) -> Result<Grid, AxesError> {
        let dictionary = Dictionary {
            name: "res".into(),
            path: "sae".into(),
            component: Component::ResidPre,
            layer: 1,
            width: 4,
            features: 6,
            encoder: Encoder::Standard,
            subtracts_decoder_bias: true,
            digest: Digest([0; 32]),
        };
        Grid::over_features("g".into(), Arc::new(dictionary), axes.to_vec(), &model(), 5)
    }

    #[test]
    fn features_are_of_one_layer_and_along_no_axis_written_at_once() {
        let both = grid(&[Axis::Pos, Axis::Feature]).expect("a grid");
        let some = both.restricted(Axis::Feature, vec![0, 4]).expect("features");
        assert_eq!(some.extents(), [5, 2]);
        let cell = some.cell(3);
        assert_eq!((cell.layer(), cell.positions(), cell.indices(Axis::Feature)), (1, &[1][..], &[4][..]));
        let write = cell.writes().next().expect("a write");
        assert_eq!(
            write.words(),
            "features of res at blocks.1.hook_resid_pre, position 1, feature 4: of the other run"
        );
        assert_eq!(some.words(), "features of res at blocks.1.hook_resid_pre");
        assert_eq!(some.site_names(), "res");
        let at_once = grid(&[Axis::Pos]).expect("a grid");
        assert_eq!((at_once.extents(), at_once.cell(0).indices(Axis::Feature).len()), (vec![5], 6));
    }

    #[test]
    fn axes_of_features_are_pos_and_feature() {
        let refusal = |axes: &[Axis]| grid(axes).expect_err("is refused").to_string();
        let layer = refusal(&[Axis::Layer, Axis::Feature]);
        assert_eq!(layer, "`res` has no axis `layer`: a dictionary is of one layer, and its axes are `pos`, `feature`");
        let head = refusal(&[Axis::Head]);
        assert_eq!(head, "`res` has no axis `head`: a dictionary is of one layer, and its axes are `pos`, `feature`");
        assert_eq!(refusal(&[Axis::Feature, Axis::Pos]), "axes must be distinct and in the order `pos`, `feature`");
        assert!(refusal(&[]).contains("needs an axis: `pos`, `feature` or both"));
    }

    #[test]
    fn features_are_written_alone() {
        let features = || grid(&[Axis::Feature]).expect("a grid");
        let refused = features().with_window(2).expect_err("is refused").to_string();
        assert!(refused.starts_with("features of `res` are not written together with other places yet"), "{refused}");
        assert!(features().together_with(vec![Component::MlpOut], &model()).is_err());
        let outer = features().restricted(Axis::Feature, vec![6]).expect_err("is refused");
        assert_eq!(outer.to_string(), "index 6 along `feature` is out of range: there are 6");
    }
}
