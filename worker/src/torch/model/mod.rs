//! A model on a device: its parameters, and the forward pass.

pub(crate) mod ahead;
pub(crate) mod attention;
mod convolved;
pub(crate) mod exec;
pub(crate) mod forward;
pub(crate) mod load;
pub(crate) mod loaded;
pub(crate) mod mlp;
pub(crate) mod norm;
pub(crate) mod parameters;
pub(crate) mod rotary;
mod scratch;
mod stored;
pub(crate) mod weights;
