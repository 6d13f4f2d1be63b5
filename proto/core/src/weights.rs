//! What a model's weights take of devices' memory, as far as its description says, and which of its layers is where.

use crate::architecture::{Architecture, Parameter, Part, Slot};
use crate::model::Dtype;

/// Blocks of a streamed model that are counted: the one in hand, and as much again while its successor is made of what is
/// stored.
const BLOCKS_AT_ONCE: u64 = 2;

/// Bytes beside weights below which nothing can be computed.
pub const LEAST_BESIDE: u64 = 1 << 20;

/// Where a model's weights are while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// On their devices.
    Resident,
    /// In their files; blocks come to their device one by one.
    Streamed,
}

/// Bytes of a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightBytes {
    /// Embeddings of tokens and positions.
    pub embedding: u64,
    /// Final norm and unembedding.
    pub readout: u64,
    /// What of the readout is the embedding's, where both are on one device.
    pub tied: u64,
    /// Each block.
    pub block: u64,
    /// How many blocks.
    pub blocks: u32,
}

impl WeightBytes {
    /// Of a model in this dtype.
    #[must_use]
    pub fn of(model: &Architecture, dtype: Dtype) -> Self {
        let is_embedding = |p: &Parameter| matches!(p.slot, Slot::Embed | Slot::PosEmbed);
        let is_unembedding = |p: &Parameter| (p.slot, p.part) == (Slot::Unembed, Part::Weight);
        let around = model.parameters_around();
        let (embedding, readout): (Vec<_>, Vec<_>) = around.into_iter().partition(is_embedding);
        let (unembedding, _): (Vec<_>, Vec<_>) = readout.iter().cloned().partition(is_unembedding);
        // What is folded of values and, where key-value heads are shared, of `z`.
        let shared = if model.group() == 1 { 0 } else { model.d_queries() };
        let folded = u64::from(model.d_keys()) + u64::from(shared);
        let bytes = |numbers: u64| numbers.saturating_mul(dtype.bytes());
        Self {
            embedding: bytes(numbers(&embedding)),
            readout: bytes(numbers(&readout)),
            tied: if model.readout.tied { bytes(numbers(&unembedding)) } else { 0 },
            block: bytes(numbers(&model.parameters_of(0)).saturating_add(folded)),
            blocks: model.layers,
        }
    }

    /// The same where the unembedding is stored as another tensor than the embedding, whatever the description says.
    #[must_use]
    pub fn with_own_head(self, has_own_head: bool) -> Self {
        if has_own_head { Self { tied: 0, ..self } } else { self }
    }

    /// All of them, on one device.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.walk().saturating_add(self.around())
    }

    /// What comes to the devices when a batch goes through all blocks of a streamed model.
    #[must_use]
    pub fn walk(&self) -> u64 {
        self.block.saturating_mul(self.blocks.into())
    }

    /// What is on the device at once that has most of them. `maps_around`: what is around the blocks of a streamed model stays in
    /// its files, too.
    #[must_use]
    pub fn placed(&self, placement: Placement, devices: usize, maps_around: bool) -> u64 {
        let layers = self.shared_out(devices);
        let last = layers.iter().rposition(|&layers| layers > 0).unwrap_or(0);
        let on_device = |(device, &layers): (usize, &u32)| {
            let around = match (device == 0, device == last) {
                (true, true) => self.around(),
                (true, false) => self.embedding,
                (false, true) => self.readout,
                (false, false) => 0,
            };
            let blocks = self.block.saturating_mul(layers.into());
            match placement {
                Placement::Resident => blocks.saturating_add(around),
                Placement::Streamed => {
                    let around = if maps_around { 0 } else { around };
                    blocks.min(self.block.saturating_mul(BLOCKS_AT_ONCE)).saturating_add(around)
                }
            }
        };
        layers.iter().enumerate().map(on_device).max().unwrap_or(0)
    }

    /// Resident where that leaves room for activations on every device, streamed where only that does. `None`: neither.
    ///
    /// `budget`: of each device.
    #[must_use]
    pub fn placement(&self, budget: u64, devices: usize, maps_around: bool) -> Option<Placement> {
        let leaves_room = |&placement: &Placement| {
            let rest = budget.checked_sub(self.placed(placement, devices, maps_around));
            rest.is_some_and(|rest| rest >= LEAST_BESIDE)
        };
        [Placement::Resident, Placement::Streamed].into_iter().find(leaves_room)
    }

    /// How many layers each device gets, in order, so that the device with the most bytes has as few as can be. Embeddings are
    /// with the first layer, the readout is with the last one.
    #[must_use]
    pub fn shared_out(&self, devices: usize) -> Vec<u32> {
        let mut items = vec![self.block; self.blocks as usize];
        if let Some(first) = items.first_mut() {
            *first = first.saturating_add(self.embedding);
        }
        if let Some(last) = items.last_mut() {
            *last = last.saturating_add(self.readout);
        }
        shared_out(&items, devices)
    }

    fn around(&self) -> u64 {
        self.embedding.saturating_add(self.readout.saturating_sub(self.tied))
    }
}

/// How many of some items in a row each shelf gets, so that the fullest one holds as little as can be.
fn shared_out(items: &[u64], shelves: usize) -> Vec<u32> {
    let filled = |most: u64| {
        let mut counts = vec![0; shelves.max(1)];
        let (mut shelf, mut held) = (0, 0u64);
        for &item in items {
            if counts[shelf] > 0 && held.saturating_add(item) > most {
                (shelf, held) = (shelf + 1, 0);
                counts.get(shelf)?;
            }
            held = held.saturating_add(item);
            counts[shelf] += 1;
        }
        Some(counts)
    };
    let (mut low, mut high) =
        (items.iter().copied().max().unwrap_or(0), items.iter().fold(0, |sum: u64, &item| sum.saturating_add(item)));
    while low < high {
        let middle = low + (high - low) / 2;
        if filled(middle).is_some() { high = middle } else { low = middle + 1 }
    }
    filled(high).unwrap_or_default()
}

fn numbers(parameters: &[Parameter]) -> u64 {
    let numbers = |p: &Parameter| p.shape.iter().map(|&size| u64::from(size)).fold(1, u64::saturating_mul);
    parameters.iter().map(numbers).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Sizes;

    const MIB: u64 = 1 << 20;
    const LARGE: WeightBytes =
        WeightBytes { embedding: 40 * MIB, readout: 41 * MIB, tied: 31 * MIB, block: 10 * MIB, blocks: 12 };

    fn gpt2_small() -> Architecture {
        Architecture::plain(Sizes { layers: 12, heads: 12, d_model: 768, d_mlp: 3072, d_vocab: 50_257, n_ctx: 1024 })
    }

    #[test]
    fn gpt2_small_takes_its_124_million_numbers_and_what_is_folded() {
        let weights = WeightBytes::of(&gpt2_small(), Dtype::Float32);
        assert_eq!(weights.all(), (124_439_808 + 12 * 768) * 4);
        assert_eq!(weights.block, (7_087_872 + 768) * 4);
        assert_eq!(weights.tied, 50_257 * 768 * 4);
        assert_eq!((weights.embedding, weights.readout), (weights.tied + 1024 * 768 * 4, weights.tied + 2 * 768 * 4));
        assert_eq!(WeightBytes::of(&gpt2_small(), Dtype::Bfloat16).all(), weights.all() / 2);
    }

    #[test]
    fn an_unembedding_of_its_own_counts() {
        let mut model = gpt2_small();
        let tied = WeightBytes::of(&model, Dtype::Float32).all();
        model.readout.tied = false;
        assert_eq!(WeightBytes::of(&model, Dtype::Float32).all(), tied + 50_257 * 768 * 4);
    }

    #[test]
    fn of_a_streamed_model_two_blocks_are_on_the_device() {
        let streamed = |weights: &WeightBytes, maps_around| weights.placed(Placement::Streamed, 1, maps_around);
        assert_eq!((streamed(&LARGE, true), streamed(&LARGE, false)), (20 * MIB, 70 * MIB));
        let one = WeightBytes { blocks: 1, ..LARGE };
        assert_eq!(streamed(&one, false), one.all(), "there is nothing to gain");
    }

    #[test]
    fn a_model_streams_only_where_it_does_not_fit_beside_a_mebibyte_of_activations() {
        let within = |mib: u64, maps_around| LARGE.placement(mib * MIB, 1, maps_around);
        assert_eq!(within(171, false), Some(Placement::Resident));
        assert_eq!(within(170, false), Some(Placement::Streamed));
        assert_eq!(within(71, false), Some(Placement::Streamed));
        assert_eq!(within(70, false), None);
        assert_eq!(within(21, true), Some(Placement::Streamed));
        assert_eq!(within(20, true), None);
    }

    #[test]
    fn layers_are_shared_out_by_their_bytes() {
        assert_eq!(LARGE.shared_out(1), [12]);
        assert_eq!(LARGE.shared_out(2), [6, 6]);
        // 40 + 3 · 10, 7 · 10, and 2 · 10 + 41.
        assert_eq!(LARGE.shared_out(3), [3, 7, 2]);
        assert_eq!(LARGE.placed(Placement::Resident, 3, false), 70 * MIB);
        assert_eq!(LARGE.placed(Placement::Resident, 2, false), 101 * MIB, "a tied unembedding is there twice");
        assert_eq!(LARGE.placed(Placement::Streamed, 2, false), 61 * MIB);
        assert_eq!(LARGE.placed(Placement::Streamed, 2, true), 20 * MIB);
        assert_eq!(LARGE.placement(102 * MIB, 2, false), Some(Placement::Resident));
        assert_eq!(LARGE.placement(101 * MIB, 2, false), Some(Placement::Streamed));
    }

    #[test]
    fn every_layer_is_on_one_device_and_the_fullest_device_has_the_least_that_can_be() {
        for blocks in 0..9 {
            for devices in 1..5 {
                for (embedding, readout) in [(0, 0), (7, 0), (0, 7), (30, 40), (1, 200)] {
                    let weights = WeightBytes { embedding, readout, tied: 0, block: 10, blocks };
                    let shared = weights.shared_out(devices);
                    assert_eq!((shared.len(), shared.iter().sum::<u32>()), (devices, blocks));
                    assert_eq!(weights.placed(Placement::Resident, devices, false), least(&weights, devices));
                }
            }
        }
    }

    /// Of all ways to cut the layers.
    fn least(weights: &WeightBytes, devices: usize) -> u64 {
        fn cut(weights: &WeightBytes, first: u32, devices: usize) -> u64 {
            let WeightBytes { embedding, readout, block, blocks, .. } = *weights;
            let part = |end: u32| {
                let has_readout = end == blocks && (end > first || first == 0);
                let around = if first == 0 { embedding } else { 0 } + if has_readout { readout } else { 0 };
                u64::from(end - first) * block + around
            };
            match devices {
                1 => part(blocks),
                _ => (first + 1..=blocks)
                    .map(|end| part(end).max(cut(weights, end, devices - 1)))
                    .min()
                    .unwrap_or(part(blocks)),
            }
        }
        cut(weights, 0, devices)
    }
}
