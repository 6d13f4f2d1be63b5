//! Names of sweeps, and which plans are the same sweep.

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::SweepState;

use super::Ledger;
use crate::server::handle::NewSweep;

impl Ledger {
    /// A name for a plan, and whether it is that of a sweep that there is. The same plan under the same names is the same
    /// sweep, unless that one ended without all its scores.
    pub(in crate::server) fn name(&self, new: &NewSweep) -> (SweepId, bool) {
        let identity = new.plan.identity();
        let stem = format!("{}-{}", slug(&new.plan.name), &new.plan.digest.to_hex()[..6]);
        let mut id = SweepId(stem.clone());
        let mut number = 1;
        while self.sweeps.contains_key(&id) || self.removed.contains(&id) {
            let useful = self.sweeps.get(&id).is_some_and(|record| {
                let state = &record.status.borrow().state;
                record.identity == identity && matches!(state, SweepState::Running | SweepState::Done)
            });
            if useful && !new.always_new {
                return (id, true);
            }
            number += 1;
            id = SweepId(format!("{stem}-{number}"));
        }
        (id, false)
    }
}

/// A name as it can stand in a shell: letters, digits and dashes.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.trim().chars().map(plain).collect()
}
