//! How workers and clients reach a coordinator, and how it says why it does not let somebody in.
//!
//! Only [`dial`] opens connections, and the only file that is read is that of [`credentials`].

#![forbid(unsafe_code)]

pub mod credentials;
pub mod dial;
pub mod endpoint;
#[cfg(feature = "fixtures")]
pub mod fixtures;
pub mod refusal;
