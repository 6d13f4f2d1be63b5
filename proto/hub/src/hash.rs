//! Whether a file is what its name in `blobs` says.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// Bytes that are hashed at once.
const AT_ONCE: usize = 1 << 18;

/// Whether a file has the hash that is its etag: SHA-256 of large files, git's SHA-1 of small ones. Of another etag nothing is
/// known.
pub(crate) fn is_what_it_says(path: &Path, etag: &str) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut hash = match etag.len() {
        64 => Context::new(&SHA256),
        40 => {
            let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
            hash.update(format!("blob {}\0", file.metadata()?.len()).as_bytes());
            hash
        }
        _ => return Ok(true),
    };
    let mut buffer = vec![0; AT_ONCE];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let mut found = String::new();
    for byte in hash.finish().as_ref() {
        let _ = write!(found, "{byte:02x}");
    }
    Ok(found.eq_ignore_ascii_case(etag))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn both_hashes_of_the_hub_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        fs::write(&path, "hello\n").expect("written");
        // `git hash-object` and `sha256sum` of it.
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        for etag in [git, sha256] {
            assert!(is_what_it_says(&path, etag).expect("read"), "{etag}");
            let other = etag.replacen('0', "1", 1);
            assert!(!is_what_it_says(&path, &other).expect("read"), "{other}");
        }
        assert!(is_what_it_says(&path, "of-a-mirror").expect("read"));
    }
}
