//! One safetensors file, open: its header in memory, its tensors read from disk when they are asked for.

use std::fs::{File, Metadata as FileMetadata};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use patchsweep_core::Whole;
use safetensors::SafeTensorError;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::ModelError;
use crate::hashing::Hashing;
use crate::read::{is_pointer, open};

/// An open safetensors file.
#[derive(Debug)]
pub(crate) struct WeightFile {
    path: PathBuf,
    file: File,
    /// As it was opened.
    opened: FileMetadata,
    header: Metadata,
    /// Where the tensors' bytes begin.
    data: u64,
}

/// Bytes of the header's length, which comes first.
const LENGTH: usize = 8;
/// What the format allows a header to take.
const LONGEST_HEADER: u64 = 100_000_000;

impl WeightFile {
    /// Reads the header, and checks that the file holds what it says.
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |source| ModelError::Read { path: path.to_owned(), source };
        let damaged = |error| ModelError::Damaged { path: path.to_owned(), source: Whole(error) };
        let file = open(path)?;
        let opened = file.metadata().map_err(unreadable)?;
        let mut beginning = [0; 64];
        let count = file.read_at(&mut beginning, 0).map_err(unreadable)?;
        if is_pointer(&beginning[..count]) {
            return Err(ModelError::Pointer { path: path.to_owned() });
        }
        let header = header_text(&file, opened.len()).map_err(unreadable)?.map_err(damaged)?;
        let text = std::str::from_utf8(&header).map_err(|error| damaged(SafeTensorError::InvalidHeader(error)))?;
        let parsed: Metadata = serde_json::from_str(text)
            .map_err(|error| damaged(SafeTensorError::InvalidHeaderDeserialization(error)))?;
        let data = (LENGTH + header.len()) as u64;
        if (parsed.data_len() as u64).checked_add(data) != Some(opened.len()) {
            return Err(damaged(SafeTensorError::MetadataIncompleteBuffer));
        }
        Ok(Self { path: path.to_owned(), file, opened, header: parsed, data })
    }

    /// The tensors' names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.header.offset_keys()
    }

    /// What the header says of a tensor.
    pub(crate) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.header.info(name)
    }

    /// What the header says of each tensor.
    pub(crate) fn infos(&self) -> impl Iterator<Item = &TensorInfo> {
        self.header.tensors().into_values()
    }

    /// Fills `buffer` with a tensor's bytes from `start` on.
    pub(crate) fn read(&self, tensor: &TensorInfo, start: usize, buffer: &mut [u8]) -> Result<(), ModelError> {
        self.read_at(self.data + (tensor.data_offsets.0 + start) as u64, buffer)
    }

    /// A path of the open file, good as long as it is open, and where a tensor's bytes begin.
    pub(crate) fn place(&self, tensor: &TensorInfo) -> (PathBuf, u64) {
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        (path, self.data + tensor.data_offsets.0 as u64)
    }

    /// Adds the whole file to a digest.
    pub(crate) fn hash_into(&self, hashing: &mut Hashing) -> Result<(), ModelError> {
        hashing.add_read(self.opened.len(), |start, buffer| self.read_at(start, buffer))
    }

    /// Adds length and times, as the file was opened, to a digest.
    pub(crate) fn stamp_into(&self, hasher: &mut blake3::Hasher) {
        let opened = &self.opened;
        hasher.update(&opened.len().to_le_bytes());
        // Programs that copy set the time of the last write as it was elsewhere; that of the last change nobody sets.
        for time in [opened.mtime(), opened.mtime_nsec(), opened.ctime(), opened.ctime_nsec()] {
            hasher.update(&time.to_le_bytes());
        }
    }

    /// Refuses a file that was written to since it was opened: what was read of it may not belong together.
    pub(crate) fn refuse_changed(&self) -> Result<(), ModelError> {
        let now = self.file.metadata().map_err(|source| ModelError::Read { path: self.path.clone(), source })?;
        let stamp = |metadata: &FileMetadata| (metadata.len(), metadata.modified().ok());
        if stamp(&now) == stamp(&self.opened) { Ok(()) } else { Err(self.changed()) }
    }

    fn read_at(&self, start: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        self.file.read_exact_at(buffer, start).map_err(|source| match source.kind() {
            // It was long enough when it was opened.
            ErrorKind::UnexpectedEof => self.changed(),
            _ => ModelError::Read { path: self.path.clone(), source },
        })
    }

    fn changed(&self) -> ModelError {
        ModelError::Changed { path: self.path.clone() }
    }
}

/// The header's JSON.
fn header_text(file: &File, file_length: u64) -> std::io::Result<Result<Vec<u8>, SafeTensorError>> {
    if file_length < LENGTH as u64 {
        return Ok(Err(SafeTensorError::HeaderTooSmall));
    }
    let mut length = [0; LENGTH];
    file.read_exact_at(&mut length, 0)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Ok(Err(SafeTensorError::HeaderTooLarge));
    }
    if length > file_length - LENGTH as u64 {
        return Ok(Err(SafeTensorError::InvalidHeaderLength));
    }
    let mut text = vec![0; usize::try_from(length).expect("no longer than the longest header")];
    file.read_exact_at(&mut text, LENGTH as u64)?;
    Ok(Ok(text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A file with the tensor `x` of four bytes; its header's length may be wrong.
    fn bytes(length_off_by: u64) -> Vec<u8> {
        let header = br#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;
        [&(header.len() as u64 + length_off_by).to_le_bytes()[..], header, &[1, 2, 3, 4]].concat()
    }

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.safetensors");
        fs::write(&path, bytes).expect("written");
        (folder, path)
    }

    #[test]
    fn a_tensor_is_read_from_where_the_header_says() {
        let (_folder, path) = written(&bytes(0));
        let file = WeightFile::open(&path).expect("a whole file");
        let mut read = [0; 2];
        file.read(file.info("x").expect("in the header"), 1, &mut read).expect("in the file");
        assert_eq!(read, [2, 3]);
        file.refuse_changed().expect("nobody wrote to it");
    }

    #[test]
    fn the_place_of_a_tensor_is_in_the_file_that_was_opened_whoever_has_its_name_now() {
        let (folder, path) = written(&bytes(0));
        let file = WeightFile::open(&path).expect("a whole file");
        fs::rename(&path, folder.path().join("old")).expect("another name");
        fs::write(&path, [9; 80]).expect("another file");
        let (place, start) = file.place(file.info("x").expect("in the header"));
        let found = fs::read(place).expect("the open file");
        assert_eq!(found[usize::try_from(start).expect("few bytes")..], [1, 2, 3, 4]);
    }

    #[test]
    fn files_cut_anywhere_are_damaged() {
        let whole = bytes(0);
        for length in 0..whole.len() {
            let (_folder, path) = written(&whole[..length]);
            assert!(matches!(WeightFile::open(&path), Err(ModelError::Damaged { .. })), "{length}");
        }
    }

    #[test]
    fn a_pointer_of_git_lfs_is_not_damaged() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 548105171\n";
        let (_folder, path) = written(pointer);
        assert!(matches!(WeightFile::open(&path), Err(ModelError::Pointer { .. })));
    }

    #[test]
    fn headers_of_a_wrong_length_are_damaged() {
        for off_by in [1, 1 << 30, u64::MAX / 2] {
            let (_folder, path) = written(&bytes(off_by));
            assert!(matches!(WeightFile::open(&path), Err(ModelError::Damaged { .. })), "{off_by}");
        }
    }

    #[test]
    fn a_file_that_becomes_shorter_while_it_is_read_is_noticed() {
        let (_folder, path) = written(&bytes(0));
        let file = WeightFile::open(&path).expect("a whole file");
        File::options().write(true).open(&path).and_then(|file| file.set_len(60)).expect("cut");
        let tensor = file.info("x").expect("in the header");
        assert!(matches!(file.read(tensor, 0, &mut [0; 4]), Err(ModelError::Changed { .. })));
        assert!(matches!(file.hash_into(&mut Hashing::new(1)), Err(ModelError::Changed { .. })));
        assert!(matches!(file.refuse_changed(), Err(ModelError::Changed { .. })));
    }
}
