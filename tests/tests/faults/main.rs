//! Coordinator, workers and clients together, while something fails: processes that are killed or stopped, disks that are
//! full or slow, messages that come twice, tiles that cannot be computed, callers that must not get in.

mod by_hand;
mod cancel;
mod choices;
mod disk;
mod ended_run;
mod gate;
mod killed;
mod memory;
mod partial;
mod slow;
mod streaming;
mod twice;
