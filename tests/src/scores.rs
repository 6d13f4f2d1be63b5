//! Tensors of an `.npz` file.

use std::fs::File;
use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use patchsweep_core::results::CellStatus;

/// An opened `.npz` file.
pub struct Scores {
    reader: NpzReader<File>,
}

impl Scores {
    /// Opens a file.
    ///
    /// # Panics
    /// When it is not one.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { reader: NpzReader::new(file).expect("an npz file") }
    }

    /// A float32 tensor.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn tensor(&mut self, name: &str) -> ArrayD<f32> {
        self.reader.by_name(name).unwrap_or_else(|error| panic!("tensor {name}: {error}"))
    }

    /// A tensor of statuses.
    ///
    /// # Panics
    /// When there is none of that name, or it holds other numbers.
    pub fn statuses(&mut self, name: &str) -> ArrayD<CellStatus> {
        let numbers: ArrayD<u32> = self.reader.by_name(name).unwrap_or_else(|error| panic!("tensor {name}: {error}"));
        numbers.mapv(|number| CellStatus::of_number(number).expect("a status"))
    }

    /// Names of all tensors.
    ///
    /// # Panics
    /// When the file is damaged.
    pub fn names(&mut self) -> Vec<String> {
        let names = self.reader.names().expect("an npz file");
        names.into_iter().map(|name| name.trim_end_matches(".npy").to_owned()).collect()
    }
}

/// The largest absolute difference of two tensors.
///
/// # Panics
/// When their shapes differ or one holds a NaN.
#[must_use]
pub fn largest_difference(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    let differences = (a - b).mapv(f32::abs);
    assert!(differences.iter().all(|x| x.is_finite()), "not a number");
    differences.iter().copied().fold(0.0, f32::max)
}
