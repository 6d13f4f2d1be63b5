//! What a key means.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// End the view; the sweep goes on.
    Leave,
    /// Ctrl-C, which is no signal while keys are read one by one.
    Interrupt,
    /// Draw everything anew.
    Redraw,
    /// Look elsewhere.
    Look(Key),
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Grid { forward: bool },
    Metric { forward: bool },
    Iteration { forward: bool },
    Row { forward: bool },
    Column { forward: bool },
    Workers { forward: bool },
}

/// What is written at the bottom, the most important first.
pub(super) const HELP: [(&str, &str); 6] =
    [("q", "leave"), ("g", "grid"), ("i", "iteration"), ("m", "metric"), ("arrows", "cell"), ("PgUp PgDn", "workers")];

/// What a key that was pressed means; `None`: nothing.
pub(super) fn wish(event: KeyEvent) -> Option<Wish> {
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        return match event.code {
            KeyCode::Char('c') => Some(Wish::Interrupt),
            KeyCode::Char('l') => Some(Wish::Redraw),
            _ => None,
        };
    }
    Some(Wish::Look(match event.code {
        KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Leave),
        KeyCode::Char(letter @ ('g' | 'G')) => Key::Grid { forward: letter.is_lowercase() },
        KeyCode::Char(letter @ ('m' | 'M')) => Key::Metric { forward: letter.is_lowercase() },
        KeyCode::Char(letter @ ('i' | 'I')) => Key::Iteration { forward: letter.is_lowercase() },
        KeyCode::Up => Key::Row { forward: false },
        KeyCode::Down => Key::Row { forward: true },
        KeyCode::Left => Key::Column { forward: false },
        KeyCode::Right => Key::Column { forward: true },
        KeyCode::PageUp => Key::Workers { forward: false },
        KeyCode::PageDown => Key::Workers { forward: true },
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(code: KeyCode, modifiers: KeyModifiers) -> Option<Wish> {
        wish(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn a_capital_letter_goes_back() {
        let look = |letter, modifiers| typed(KeyCode::Char(letter), modifiers);
        assert_eq!(look('g', KeyModifiers::NONE), Some(Wish::Look(Key::Grid { forward: true })));
        assert_eq!(look('G', KeyModifiers::SHIFT), Some(Wish::Look(Key::Grid { forward: false })));
    }

    #[test]
    fn leaving_and_interrupting_are_two_things() {
        assert_eq!(typed(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::Leave));
        assert_eq!(typed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Interrupt));
        assert_eq!(typed(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(typed(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
    }

    #[test]
    fn every_key_that_is_written_at_the_bottom_means_something() {
        for (key, _) in HELP {
            let codes = match key {
                "arrows" => vec![KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right],
                "PgUp PgDn" => vec![KeyCode::PageUp, KeyCode::PageDown],
                letter => letter.chars().map(KeyCode::Char).collect(),
            };
            assert!(codes.into_iter().all(|code| typed(code, KeyModifiers::NONE).is_some()), "{key}");
        }
    }
}
