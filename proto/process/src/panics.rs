//! What a caught panic says.

use std::any::Any;

/// What stands before the words of an error that was unwrapped.
const UNWRAPPED: &str = "called `Result::unwrap()` on an `Err` value: ";

/// All that a panic says, but for that an error was unwrapped.
#[must_use]
pub fn text(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())?;
    Some(text.strip_prefix(UNWRAPPED).unwrap_or(text))
}

/// For people, in one line.
#[must_use]
pub fn message(panic: &(dyn Any + Send)) -> String {
    first_line(text(panic).unwrap_or_default())
}

/// The first line of a panic's text that says something.
#[must_use]
pub fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let of = |text: &'static str| message(&text);
        assert_eq!(of("unlucky\nand more"), "unlucky");
        assert_eq!(of("\n  unlucky"), "unlucky");
        assert_eq!(of(""), "no message");
        assert_eq!(message(&3), "no message");
        assert_eq!(of("called `Result::unwrap()` on an `Err` value: Full"), "Full");
        assert_eq!(message(&"formatted".to_owned()), "formatted");
    }
}
