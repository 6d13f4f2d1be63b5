//! As much of the library `zip` as `tch` and `torch-sys` name, without an archive behind it.
//!
//! They read and write `.npz` files and unpack a libtorch that they have downloaded, none of which happens here. With the real
//! library come 30 crates and two libraries of compression in C, which would be compiled twice: for the worker and for a build
//! script. Code that tries to open or write an archive gets [`result::ZipError`].

#![forbid(unsafe_code)]
#![allow(clippy::must_use_candidate, reason = "nothing comes of it")]

use std::io::{self, Read, Seek, Write};
use std::marker::PhantomData;
use std::path::PathBuf;

/// What becomes of everything.
pub mod result {
    /// There are no archives.
    #[derive(Debug)]
    pub struct ZipError;

    impl std::fmt::Display for ZipError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("this program was built without ZIP archives; keep tensors as safetensors")
        }
    }

    impl std::error::Error for ZipError {}
}

use result::ZipError;

/// How the entries of an archive would be written.
pub mod write {
    /// None of it matters.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct FileOptions;

    impl FileOptions {
        /// The same.
        #[must_use]
        pub fn compression_method(self, _: super::CompressionMethod) -> Self {
            self
        }
    }
}

/// How an entry would be packed.
#[derive(Clone, Copy, Debug)]
pub enum CompressionMethod {
    /// Not at all.
    Stored,
}

/// An archive to read. There is none.
#[derive(Debug)]
pub struct ZipArchive<R>(Never, PhantomData<R>);

/// An entry of an archive. There is none.
#[derive(Debug)]
pub struct ZipFile(Never);

/// Of what does not exist.
#[derive(Clone, Copy, Debug)]
enum Never {}

impl<R: Read + Seek> ZipArchive<R> {
    /// Refuses.
    pub fn new(_: R) -> Result<Self, ZipError> {
        Err(ZipError)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match self.0 {}
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match self.0 {}
    }

    /// One of them.
    pub fn by_index(&mut self, _: usize) -> Result<ZipFile, ZipError> {
        match self.0 {}
    }
}

impl ZipFile {
    /// As the archive has it.
    pub fn name(&self) -> &str {
        match self.0 {}
    }

    /// Without parts that lead out of a folder.
    pub fn mangled_name(&self) -> PathBuf {
        match self.0 {}
    }

    /// Unpacked.
    pub fn size(&self) -> u64 {
        match self.0 {}
    }
}

impl Read for ZipFile {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

/// An archive to write, which refuses its first entry.
#[derive(Debug)]
pub struct ZipWriter<W>(PhantomData<W>);

impl<W: Write + Seek> ZipWriter<W> {
    /// Nothing is written.
    pub fn new(_: W) -> Self {
        Self(PhantomData)
    }

    /// Refuses.
    pub fn start_file(&mut self, _: impl Into<String>, _: write::FileOptions) -> Result<(), ZipError> {
        Err(ZipError)
    }
}

impl<W> Write for ZipWriter<W> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other(ZipError))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
