//! Feeds patchsweep's readers what nobody would write: committed inputs first, then so many mutations of
//! them, made of a seed.
//!
//! A [`Target`] keeps the input that it runs on disk, so that one that takes the process down can be run again, and
//! stops the process at an input that takes too much memory or does not end. [`text`], [`protobuf`] and [`bytes`] mutate.

#![forbid(unsafe_code)]

pub mod bytes;
pub mod disk;
mod made_up;
mod memory;
pub mod planning;
pub mod protobuf;
mod target;
pub mod text;
mod watchdog;

pub use target::Target;

/// What a mutation is made from: which valid input, and what is done to it, one step after the other.
pub type Edits = (u16, Vec<Edit>);

/// A kind of change, a place, and a value.
pub type Edit = (u8, u16, u16);

/// The entry of a list that a random number means; none of an empty list.
fn pick<T>(list: &[T], number: u16) -> Option<&T> {
    list.get(usize::from(number) % list.len().max(1))
}
