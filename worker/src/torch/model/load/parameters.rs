//! A model's parameters as a part of a model gets them: read, cut out of what is stored together, and turned.

use std::collections::BTreeMap;

use patchsweep_core::architecture::{Architecture, Parameter, Part, Slot};
use patchsweep_core::model::Source;
use patchsweep_files::ModelError;
use tch::{Device, Kind, Tensor};

use super::Loader;
use crate::torch::devices::on;
use crate::torch::model::parameters::{Linear, NormWeights};
use crate::torch::model::scratch::Scratch;
use crate::torch::model::stored::{mapped, part_of, read_into, sizes};

/// Parameters of a block, or of what is around the blocks.
pub(super) struct Parameters(BTreeMap<(Slot, Part), Tensor>);

impl Loader {
    /// Each stored tensor is read once, however many parameters are in it. Queries', keys' and values' matrices may be views of
    /// scratch, which the next call gives to others.
    pub(super) fn parameters(
        &self,
        wanted: &[Parameter],
        device: Device,
        scratch: &mut Scratch,
    ) -> Result<Parameters, ModelError> {
        let sources: Vec<Source> = wanted.iter().map(|parameter| self.config.source(parameter)).collect();
        let passing = self.passing(wanted, &sources, device);
        let count = |source: &&Source| sizes(&source.shape).iter().product::<i64>();
        scratch.clear(passing.values().map(count).sum(), self.kind());
        let mut stored: BTreeMap<&str, Tensor> = BTreeMap::new();
        let mut found = BTreeMap::new();
        for (parameter, source) in wanted.iter().zip(&sources) {
            let name = source.name.as_str();
            let passes = passing.contains_key(name);
            if !stored.contains_key(name) {
                let place = if passes { Some(scratch.tensor(&sizes(&source.shape))) } else { None };
                stored.insert(name, self.stored(name, &source.shape, device, place)?);
            }
            let part = part_of(&stored[name], source);
            let part = if passes && !is_joined(parameter.slot) { copied(&part) } else { part };
            found.insert((parameter.slot, parameter.part), part);
        }
        Ok(Parameters(found))
    }

    /// The stored matrices of which only copies are kept: those that are transposed, and those that are joined.
    fn passing<'s>(
        &self,
        wanted: &[Parameter],
        sources: &'s [Source],
        device: Device,
    ) -> BTreeMap<&'s str, &'s Source> {
        let is_copied = |(parameter, source): (&Parameter, &Source)| {
            parameter.part == Part::Weight && (source.is_transposed || is_joined(parameter.slot))
        };
        let of = |name: &str| wanted.iter().zip(sources).filter(|(_, source)| source.name == name).collect::<Vec<_>>();
        let here = sources.iter().filter(|_| device == Device::Cpu && !self.maps);
        here.filter(|source| of(&source.name).into_iter().all(is_copied))
            .map(|source| (source.name.as_str(), source))
            .collect()
    }

    /// As it is in the file; in the file, where it stays there. `place`: a tensor of its shape that it is read into.
    pub(super) fn stored(
        &self,
        name: &str,
        shape: &[u32],
        device: Device,
        place: Option<Tensor>,
    ) -> Result<Tensor, ModelError> {
        let lengths: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
        let tensor = self.files.tensor(name, &lengths)?;
        if let Some(mapped) = self.maps.then(|| mapped(&tensor, shape)).flatten() {
            return Ok(on(device, mapped).to_kind(self.kind()));
        }
        let mut whole = place.unwrap_or_else(|| Tensor::empty(sizes(shape), (self.kind(), device)));
        read_into(&mut whole, &tensor, shape)?;
        Ok(whole)
    }
}

impl Parameters {
    pub(super) fn take(&mut self, slot: Slot, part: Part) -> Option<Tensor> {
        self.0.remove(&(slot, part)).map(|tensor| tensor.contiguous())
    }

    /// One that the architecture has; as a view of what is stored, if it is one.
    pub(super) fn linear(&mut self, slot: Slot) -> Linear {
        let weight = if is_joined(slot) { self.0.remove(&(slot, Part::Weight)) } else { self.take(slot, Part::Weight) };
        let weight = weight.expect("every architecture has this matrix");
        Linear { weight, bias: self.take(slot, Part::Bias) }
    }

    /// A norm, if the architecture has it. Its weight gets the offset added, in float32 where that is not 0.
    pub(super) fn norm(&mut self, architecture: &Architecture, slot: Slot) -> Option<NormWeights> {
        let (weight, bias) = (self.take(slot, Part::Weight), self.take(slot, Part::Bias));
        let offset = architecture.norm.offset;
        let weight = weight.map(|weight| if offset == 0.0 { weight } else { weight.to_kind(Kind::Float) + offset });
        architecture.has_norm(slot).then_some(NormWeights { weight, bias })
    }
}

/// Whether its matrix is put side by side with others, and so copied.
fn is_joined(slot: Slot) -> bool {
    matches!(slot, Slot::Q | Slot::K | Slot::V)
}

/// In memory of its own, row by row.
fn copied(x: &Tensor) -> Tensor {
    let mut own = Tensor::empty(x.size(), (x.kind(), x.device()));
    own.copy_(x);
    own
}
