//! Links between pages lead somewhere.

use std::fs;
use std::path::Path;

use super::tree::files;

#[test]
fn every_link_within_the_repository_leads_to_a_file_and_a_heading() {
    let mut checked = 0;
    let mut dead = Vec::new();
    for page in files("md") {
        let text = prose(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            checked += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name("").join(file) };
            let there =
                target.exists() && (heading.is_empty() || headings(&target).iter().any(|other| other == heading));
            if !there {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(checked > 50, "only {checked} links were found");
    assert!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
}

/// A page without its code.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).expect("a page");
    let mut code = false;
    let mut kept = String::new();
    for line in text.lines() {
        code ^= line.starts_with("```");
        if !code && !line.starts_with("    ") {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// What the headings of a page are called in links.
fn headings(page: &Path) -> Vec<String> {
    let text = prose(page);
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
    titles.map(|title| title.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}
