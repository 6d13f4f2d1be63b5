//! The files of the page. They are part of the program: nothing is read from disk.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use patchsweep_results::statuses;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Names, types and contents.
const FILES: [(&str, &str, &str); 18] = [
    ("cells.js", SCRIPT, include_str!("assets/cells.js")),
    ("colours.js", SCRIPT, include_str!("assets/colours.js")),
    ("dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("events.js", SCRIPT, include_str!("assets/events.js")),
    ("fetch.js", SCRIPT, include_str!("assets/fetch.js")),
    ("format.js", SCRIPT, include_str!("assets/format.js")),
    ("grid.js", SCRIPT, include_str!("assets/grid.js")),
    ("heatmaps.js", SCRIPT, include_str!("assets/heatmaps.js")),
    ("icon.svg", IMAGE, include_str!("assets/icon.svg")),
    ("legend.js", SCRIPT, include_str!("assets/legend.js")),
    ("main.js", SCRIPT, include_str!("assets/main.js")),
    ("progress.js", SCRIPT, include_str!("assets/progress.js")),
    ("style.css", STYLE, include_str!("assets/style.css")),
    ("sweep.js", SCRIPT, include_str!("assets/sweep.js")),
    ("sweeps.js", SCRIPT, include_str!("assets/sweeps.js")),
    ("ticks.js", SCRIPT, include_str!("assets/ticks.js")),
    ("tip.js", SCRIPT, include_str!("assets/tip.js")),
    ("workers.js", SCRIPT, include_str!("assets/workers.js")),
];

/// The list of statuses, a script that is made of the code.
const STATUSES: &str = "statuses.js";

static STATUSES_SCRIPT: LazyLock<String> = LazyLock::new(|| format!("export const STATUSES = {};\n", statuses()));

/// The page itself.
pub(super) fn page() -> Response {
    ([(CONTENT_TYPE, HTML)], include_str!("assets/index.html")).into_response()
}

/// A file that the page names.
pub(super) fn asset(name: &str) -> Option<Response> {
    if name == STATUSES {
        return Some(([(CONTENT_TYPE, SCRIPT)], STATUSES_SCRIPT.as_str()).into_response());
    }
    let (_, kind, content) = FILES.iter().find(|(file, ..)| *file == name)?;
    Some(([(CONTENT_TYPE, *kind)], *content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_script_imports_is_embedded() {
        for (file, _, content) in FILES {
            for imported in content.lines().filter_map(|line| line.strip_prefix("import ")?.split("\"./").nth(1)) {
                let imported = imported.trim_end_matches("\";");
                assert!(asset(imported).is_some(), "{file} imports {imported}");
            }
        }
    }

    #[test]
    fn no_script_makes_html_or_code_of_text() {
        let banned =
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setHTML"];
        for (file, _, content) in FILES {
            let found: Vec<_> = banned.iter().filter(|word| content.contains(*word)).collect();
            assert!(found.is_empty(), "{file} has {found:?}");
        }
    }
}
