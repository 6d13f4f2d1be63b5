//! The files of the repository.

use std::fs;
use std::path::PathBuf;

use patchsweep_tests::repository;

/// Those with an extension, but for what is built or hidden.
pub(crate) fn files(extension: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![repository()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let (path, name) = (entry.path(), entry.file_name());
            let is_ours = name != "target" && !name.to_string_lossy().starts_with('.');
            if entry.file_type().expect("a type").is_dir() {
                folders.extend(is_ours.then_some(path));
            } else if path.extension().is_some_and(|own| own == extension) {
                found.push(path);
            }
        }
    }
    found
}
