//! Grids over the features of a dictionary.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::architecture::Architecture;
use crate::axis::Axis;
use crate::dictionary::Dictionary;
use crate::grid::{AxesError, Cell, Grid, PatchValue};

/// What of a run's activations is encoded for some cells that write features.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// At which positions, ascending.
    pub positions: Vec<u32>,
    /// Which features, ascending.
    pub features: Vec<u32>,
}

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
            chooses_features: false,
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

    /// The same grid, of which only those cells are computed whose features are active: in the clean or the corrupted run of some
    /// prompt, at one of the cell's positions. Others change nothing. Along no axis `feature` that is the same grid.
    pub fn of_active_features(mut self) -> Result<Self, AxesError> {
        let component = self.component;
        if self.dictionary.is_none() {
            return Err(AxesError::NotOfComponent { component, axis: Axis::Feature });
        }
        self.chooses_features = self.axes.contains(&Axis::Feature);
        Ok(self)
    }

    /// Whether only cells of active features are computed, and its results have only these features.
    #[must_use]
    pub fn chooses_features(&self) -> bool {
        self.chooses_features
    }

    /// The same grid, all of whose cells are computed.
    #[must_use]
    pub fn of_all_features(self) -> Self {
        Self { chooses_features: false, ..self }
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

    /// What is encoded for some of its cells: every position, up to the last one that is read, and every feature of any of them.
    #[must_use]
    pub fn encoded<'a>(&self, cells: &(impl Iterator<Item = Cell<'a>> + Clone), last_read: u32) -> Encoded {
        let along = |axis: Axis| -> Vec<u32> {
            let all = self.indices(axis);
            let mut cells = cells.clone();
            let Some(at) = self.axes.iter().position(|&own| own == axis) else {
                return if cells.next().is_some() { all.to_vec() } else { Vec::new() };
            };
            let mut has = vec![false; all.len()];
            for place in cells.filter_map(|cell| cell.places().nth(at)) {
                has[place] = true;
            }
            all.iter().zip(has).filter_map(|(&index, has)| has.then_some(index)).collect()
        };
        let mut positions = along(Axis::Pos);
        positions.retain(|&position| position <= last_read);
        Encoded { positions, features: along(Axis::Feature) }
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
            of_centred_model: false,
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
    fn what_is_encoded_is_what_the_cells_have_up_to_the_last_read_position() {
        let encoded = |axes: &[Axis], places: &[u32], last_read| {
            let grid = grid(axes).expect("a grid").restricted(Axis::Feature, vec![0, 3, 4]).expect("features");
            let Encoded { positions, features } =
                grid.encoded(&places.iter().map(|&place| grid.cell(place)), last_read);
            (positions, features)
        };
        let both = [Axis::Pos, Axis::Feature];
        assert_eq!(encoded(&both, &[2, 3, 14], 4), (vec![0, 1, 4], vec![0, 4]));
        assert_eq!(encoded(&both, &[2, 3, 14], 3), (vec![0, 1], vec![0, 4]));
        assert_eq!(encoded(&[Axis::Pos], &[1], 4), (vec![1], vec![0, 3, 4]));
        assert_eq!(encoded(&[Axis::Feature], &[1], 3), (vec![0, 1, 2, 3], vec![3]));
        assert_eq!(encoded(&[Axis::Feature], &[], 3), (vec![], vec![]));
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
