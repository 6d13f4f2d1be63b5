//! When two plans are the same sweep.

use patchsweep_core::check::CheckOf;
use patchsweep_core::digest::Digest;

use super::Plan;

impl Plan {
    /// Digest of all that shows in the results but the contents of the model's files: with the same ones, plans with the same
    /// identity give the same results under the same labels.
    #[must_use]
    pub fn identity(&self) -> Digest {
        let labels = self.iteration_labels.iter().chain(&self.token_labels);
        // Lengths before texts, so that no two lists run into the same bytes.
        let counts = [self.iteration_labels.len(), self.token_labels.len(), self.lines.len()]
            .map(|count| (count as u64).to_le_bytes());
        let mut bytes = [self.digest.0.as_slice(), counts.as_flattened()].concat();
        for text in std::iter::once(&self.name).chain(labels) {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        for line in &self.lines {
            bytes.extend(line.to_le_bytes());
        }
        // A check gives other results than its sweep, and each draw of cells others than the next.
        if let Some(CheckOf { sweep, cells, seed }) = &self.check {
            bytes.extend(cells.to_le_bytes().into_iter().chain(seed.to_le_bytes()));
            bytes.extend(sweep.0.as_bytes());
        }
        Digest::of(&bytes)
    }
}
