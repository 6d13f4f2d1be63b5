//! What differs from run to run in what commands print: times, rates, names of workers, how far a sweep is.

/// Lines of progress; how many there are depends on the time.
const PROGRESS: [&str; 2] = ["running ", "waiting: "];

/// Texts behind which all of a line differs.
const BEFORE: [&str; 3] = [" on disk, by ", "(largest difference ", " no-ops in "];

/// Commands with tables whose columns are as wide as what differs.
const TABLES: [&str; 2] = ["patchsweep config show", "patchsweep workers"];

/// What a command prints, with wildcards.
pub(crate) fn wild(command: &str, printed: &str) -> String {
    let table = TABLES.iter().any(|table| command.starts_with(table));
    let mut lines: Vec<String> = Vec::new();
    for line in printed.lines() {
        let progress = PROGRESS.iter().any(|start| line.starts_with(start));
        let line = if progress { "...".to_owned() } else { wild_line(line, table) };
        if !progress || lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn wild_line(line: &str, table: bool) -> String {
    let ended = ["done ", "failed "].iter().any(|state| line.starts_with(state)) && line.contains(" elapsed");
    let kept = if ended {
        line.find(" tiles, ").map(|at| at + " tiles, ".len())
    } else if table && line.starts_with('w') && !line.starts_with("worker") {
        Some("w1".len())
    } else {
        BEFORE.iter().find_map(|before| line.find(before).map(|at| at + before.len()))
    };
    match kept {
        Some(kept) => format!("{}[..]", &line[..kept]),
        None if table => {
            line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("[..]")
        }
        None => line.to_owned(),
    }
}
