//! Tensors' names, as tables.

use super::{Outputs, Source};
use crate::architecture::{Parameter, Part, Slot};

/// What a family calls the modules that its parameters are in.
pub(super) struct Names {
    /// What stands before the number of a block.
    pub(super) blocks: &'static str,
    /// Of a block.
    pub(super) block: &'static [(Slot, &'static str)],
    /// What is around the blocks.
    pub(super) around: &'static [(Slot, &'static str)],
}

impl Names {
    /// Of a parameter that is stored by itself, \[out, in\].
    pub(super) fn source(&self, parameter: &Parameter) -> Source {
        Source::whole(self.of(parameter), parameter)
    }

    /// Of a parameter that is some outputs of a stored tensor, which has `all` outputs.
    pub(super) fn some_outputs(&self, parameter: &Parameter, all: u32, outputs: Outputs) -> Source {
        let mut source = self.source(parameter);
        source.shape[0] = all;
        Source { outputs, ..source }
    }

    pub(super) fn of(&self, parameter: &Parameter) -> String {
        let table = if parameter.layer.is_some() { self.block } else { self.around };
        let Some((_, module)) = table.iter().find(|(slot, _)| *slot == parameter.slot) else {
            unreachable!("an architecture that the family reads has no {parameter}")
        };
        let part = match parameter.part {
            Part::Weight => "weight",
            Part::Bias => "bias",
        };
        match parameter.layer {
            Some(layer) => format!("{}{layer}.{module}.{part}", self.blocks),
            None => format!("{module}.{part}"),
        }
    }
}

/// Whether a name is one of these in some block, where `blocks` stands before the block's number.
pub(super) fn is_in_block(name: &str, blocks: &str, parts: &[&str]) -> bool {
    let block = name.strip_prefix(blocks).and_then(|rest| rest.split_once('.'));
    block.is_some_and(|(layer, part)| layer.parse::<u32>().is_ok() && parts.contains(&part))
}
