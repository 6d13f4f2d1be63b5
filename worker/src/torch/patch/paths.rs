//! Paths: a second pass to the receivers, then ordinary patched runs from them on.
//!
//! The second pass has all attention held, so that no position reads another one: it is the residual stream at the senders'
//! positions, to which is added what attention adds in the run that is patched. It depends on the sender alone, so that one
//! serves all receivers.

mod received;
mod sent;

use patchsweep_core::paths::Path;

use super::batch::Batch;
use super::changes::Changes;
use super::cohort::Start;
use super::stepper::Stepper;
pub(crate) use received::Received;
use sent::{Sent, send};

impl Stepper<'_> {
    /// The last residual stream of some paths, at least one, at read positions that they can change.
    ///
    /// `rows`: the positions at which a path's sender changes what is received.
    pub(crate) fn run_paths(&self, starts: &[Start<'_>], rows: &dyn Fn(&Path<'_>) -> Vec<u32>) -> Batch {
        match send(self.patches.alone(), starts, rows) {
            Sent::ToLogits(done) => done,
            Sent::ToReceivers(tables) => self.walk(starts, &Changes::received(Received::of(starts, tables))),
        }
    }
}
