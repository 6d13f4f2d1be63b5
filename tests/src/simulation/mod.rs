//! Whole sweeps in simulated time over a simulated network: the coordinator and the workers' sessions as they are, with a
//! made-up engine, on machines that crash and a disk that loses what was not synced.

mod client;
mod computer;
mod dialer;
mod disk;
mod faults;
mod net;
mod oracle;
mod scores;
mod trace;
mod world;

pub use computer::model;
pub use disk::Disk;
pub use oracle::judge;
pub use scores::of as made_up_scores;
pub use world::{Outcome, simulate};
