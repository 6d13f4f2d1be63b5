//! A random model in a folder.

mod architectures;
mod counts;
mod described;
mod gpt2;

use std::path::Path;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::grid::Component;
use proptest::prelude::*;

use architectures::architectures;
pub(crate) use counts::Counts;
use described::Described;
use gpt2::Gpt2;

/// Which models are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Those of a family, in all the ways that its folders are written.
    Gpt2,
    /// Any architecture.
    Described,
}

/// Everything that a model folder is made from.
#[derive(Clone, Debug)]
pub(crate) enum ModelDraw {
    Gpt2(Gpt2),
    Described(Described),
}

impl ModelDraw {
    /// What it is.
    pub(crate) fn architecture(&self) -> Architecture {
        match self {
            Self::Gpt2(model) => model.architecture(),
            Self::Described(model) => model.architecture.clone(),
        }
    }

    /// Writes `config.json` and `model.safetensors`.
    pub(crate) fn write(&self, folder: &Path) {
        match self {
            Self::Gpt2(model) => model.write(folder),
            Self::Described(model) => model.write(folder),
        }
    }
}

/// Models that have a component, for prompts of so many positions. A failing one is made smaller in what it is; other
/// weights would make it no simpler.
pub(crate) fn models(kind: Kind, component: Component, positions: u32) -> BoxedStrategy<ModelDraw> {
    match kind {
        Kind::Gpt2 => gpt2::models(positions).prop_map(ModelDraw::Gpt2).boxed(),
        Kind::Described => {
            let numbers = (0.5f64..1.5, any::<u64>()).no_shrink();
            (architectures(positions, component == Component::ResidMid), numbers)
                .prop_map(|(architecture, (gain, seed))| ModelDraw::Described(Described { architecture, gain, seed }))
                .boxed()
        }
    }
}
