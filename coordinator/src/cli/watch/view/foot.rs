//! The last line: which keys there are.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::length;
use crate::cli::watch::keys::HELP;

pub(super) fn line(width: usize) -> Line<'static> {
    let mut spans: Vec<Span> = Vec::new();
    let mut left = width;
    for (key, what) in HELP {
        let gap = if spans.is_empty() { "" } else { "  " };
        let used = gap.len() + length(key) + 1 + length(what);
        if used <= left {
            left -= used;
            spans.extend([Span::raw(gap), Span::styled(key, Modifier::BOLD), Span::raw(format!(" {what}"))]);
        }
    }
    Line::from(spans)
}
