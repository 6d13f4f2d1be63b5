//! Dictionaries on a device, and what of activations their features are.

pub(crate) mod loaded;
mod tensors;
#[cfg(test)]
mod tests;

pub(crate) use tensors::{DictionaryTensors, Rule, Selected};
