//! Names of sweeps, and which plans are the same sweep.

use std::time::SystemTime;

use patchsweep_core::digest::Digest;
use patchsweep_core::ids::SweepId;
use patchsweep_core::status::SweepState;

use super::Ledger;
use crate::server::handle::NewSweep;
use crate::server::model_files::ModelFiles;

/// What a plan that is submitted is.
#[derive(Debug)]
pub(in crate::server) enum Name {
    /// A new sweep, of this name.
    New(SweepId),
    /// A sweep that there is.
    Known {
        /// Its name.
        id: SweepId,
        /// Digest of the model that its scores are of; `None` while there are none.
        model: Option<Digest>,
        /// Of one that has scores, of weights that nobody sees here: when it was submitted.
        unseen_since: Option<SystemTime>,
    },
    /// That is for the digest of the model's files to say.
    Undecided,
}

impl Ledger {
    /// A name for a plan. The same plan under the same names with the same model is the same sweep, unless that one ended
    /// without all its scores.
    pub(in crate::server) fn name(&self, new: &NewSweep) -> Name {
        let identity = new.plan.identity();
        let stem = format!("{}-{}", slug(&new.plan.name), &new.plan.digest.to_hex()[..6]);
        let mut id = SweepId(stem.clone());
        let mut number = 1;
        while self.sweeps.contains_key(&id) || self.removed.contains(&id) {
            if let Some(record) = self.sweeps.get(&id).filter(|record| !new.always_new && record.identity == identity)
                && matches!(record.status.borrow().state, SweepState::Running | SweepState::Done)
            {
                let model = record.marks.model;
                match new.files.as_ref().map_or(Some(false), |files| files.are_of(record.marks.files, model)) {
                    Some(true) => {
                        let is_unseen = model.is_some() && new.files.as_ref().is_some_and(ModelFiles::are_unseen);
                        let unseen_since = is_unseen.then(|| record.status.borrow().submitted);
                        return Name::Known { id, model, unseen_since };
                    }
                    Some(false) => {}
                    None => return Name::Undecided,
                }
            }
            number += 1;
            id = SweepId(format!("{stem}-{number}"));
        }
        Name::New(id)
    }
}

/// A name as it can stand in a shell: letters, digits and dashes.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.trim().chars().map(plain).collect()
}
