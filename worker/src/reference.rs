//! `docs/commands.md` holds the worker's help; this keeps it true.

use std::path::Path;
use std::{env, fs};

use clap::CommandFactory;

use super::args::Args;

/// What stands between these lines is generated.
const MARKS: [&str; 2] = [
    "<!-- Generated: PATCHSWEEP_WRITE_DOCS=1 cargo test -p patchsweep-worker reference -->\n",
    "<!-- End of what is generated. -->\n",
];

#[test]
fn the_reference_of_the_worker_is_what_it_says_of_itself() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    let page = fs::read_to_string(&path).expect("docs/commands.md");
    let [begin, end] = MARKS;
    let (before, rest) = page.split_once(begin).expect("docs/commands.md has the line behind which it is generated");
    let (_, after) = rest.split_once(end).expect("docs/commands.md has the line before which it is generated");
    let mut command = Args::command().version(None::<&str>).mut_args(|arg| arg.hide_env_values(true));
    let help = command.render_help().to_string();
    // Indented, because some lines of help hold backticks.
    let help: String = help.trim_end().lines().map(|line| format!("    {line}\n").replace("    \n", "\n")).collect();
    let wanted = format!("{before}{begin}\n{help}\n{end}{after}");
    if env::var_os("PATCHSWEEP_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).expect("docs/commands.md is written");
    } else {
        assert!(page == wanted, "docs/commands.md is out of date: PATCHSWEEP_WRITE_DOCS=1 writes it anew");
    }
}
