//! Whether scores that there are would be the same ones again: the files of a model, under a name that says nothing of them.

use std::path::Path;

use patchsweep_core::digest::Digest;
use patchsweep_core::model::ModelRef;
use patchsweep_files::{ModelError, WeightFiles, read_text};

/// The files of a model that a sweep is planned with.
#[derive(Debug)]
pub(super) struct ModelFiles {
    /// Of the config, and of names, lengths and times of the weight files where they are here.
    pub(super) stamp: Digest,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    /// The model's name, which is part of the plan, says what they are: a commit.
    Named,
    /// There are no weights here.
    Unknown,
    /// They can be read.
    Here(WeightFiles),
    /// They were read.
    Read(Digest),
}

impl ModelFiles {
    /// Looks at a model's folder, whose weights are open where they are there.
    pub(super) fn of(model: &ModelRef, folder: &Path, weights: Option<WeightFiles>) -> Result<Self, ModelError> {
        let config = read_text(&folder.join("config.json"))?;
        let times = weights.as_ref().map(WeightFiles::stamp);
        let stamp = Digest::of(&[times.map_or_else(Vec::new, |times| times.0.to_vec()), config.into_bytes()].concat());
        let contents = match (model, weights) {
            (ModelRef::Hub { .. }, _) => Contents::Named,
            (ModelRef::Folder(_), None) => Contents::Unknown,
            (ModelRef::Folder(_), Some(weights)) => Contents::Here(weights),
        };
        Ok(Self { stamp, contents })
    }

    /// Whether a sweep is of these files: one that was submitted when they had this stamp, and whose scores, where it has
    /// some, are of a model with this digest. `None`: they have to be read first.
    pub(super) fn are_of(&self, stamp: Option<Digest>, scores: Option<Digest>) -> Option<bool> {
        match (&self.contents, scores) {
            (Contents::Named, _) => Some(true),
            (Contents::Here(_), Some(_)) => None,
            // Whatever they were when it was submitted: it is scores that are asked for.
            (Contents::Read(digest), Some(scores)) => Some(*digest == scores),
            _ => Some(stamp == Some(self.stamp)),
        }
    }

    /// Whether scores may be of other weights than those that would be computed with now: none are here to compare.
    pub(super) fn are_unseen(&self) -> bool {
        matches!(self.contents, Contents::Unknown)
    }

    /// Reads them, from beginning to end.
    pub(super) fn read(self) -> Result<Self, ModelError> {
        let contents = match self.contents {
            Contents::Here(weights) => {
                let digest = weights.digest(1)?;
                weights.refuse_changed()?;
                Contents::Read(digest)
            }
            other => other,
        };
        Ok(Self { contents, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_say_more_than_stamps_and_what_is_not_known_is_another_model() {
        let [now, before, model, other] = [b"now", b"bef", b"mod", b"oth"].map(|bytes| Digest::of(bytes));
        let are_of = |contents, stamp, scores| ModelFiles { stamp: now, contents }.are_of(stamp, scores);
        assert_eq!(are_of(Contents::Named, None, Some(model)), Some(true));
        for scores in [None, Some(model)] {
            assert_eq!(are_of(Contents::Unknown, Some(now), scores), Some(true));
            assert_eq!(are_of(Contents::Unknown, Some(before), scores), Some(false));
            assert_eq!(are_of(Contents::Unknown, None, scores), Some(false));
        }
        for stamp in [None, Some(now), Some(before)] {
            assert_eq!(are_of(Contents::Read(model), stamp, Some(model)), Some(true));
            assert_eq!(are_of(Contents::Read(model), stamp, Some(other)), Some(false));
            assert_eq!(are_of(Contents::Read(model), stamp, None), Some(stamp == Some(now)));
        }
    }
}
