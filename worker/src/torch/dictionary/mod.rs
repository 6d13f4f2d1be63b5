//! Dictionaries on a device, and what of activations their features are.

pub(crate) mod loaded;
mod tensors;

pub(crate) use tensors::{DictionaryTensors, Rule, Selected};
