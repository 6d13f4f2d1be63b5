//! Writes the prompts and the tokenizers: `embedded-prompts [DATA_FOLDER]`, by default into this checkout's.

use std::{env, fs, io, path::PathBuf};

use patchsweep_data::files;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from(files::FOLDER), PathBuf::from);
    for file in files::generate() {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, file.content)?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}
