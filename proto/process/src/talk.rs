//! Messages to people, on stderr. Nobody has to listen: a broken pipe is no reason to end.

use std::fmt::Arguments;
use std::io::Write;

use clap::builder::styling::{AnsiColor, Effects, Style};

/// How the word `error` looks in the colours of a terminal, here as in clap's messages.
const ERROR: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// And the word `warning`.
const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);

/// Says a line on stderr, like `eprintln!`, which panics when nobody reads it.
#[macro_export]
macro_rules! talk {
    ($($words:tt)*) => { $crate::talk::say(format_args!($($words)*)) };
}

/// Says a line on stderr; `talk!` calls it.
pub fn say(words: Arguments<'_>) {
    let _ = writeln!(anstream::stderr(), "{words}");
}

/// Says what a person should know before trusting a sweep's scores.
pub fn warn(warnings: &[String]) {
    for warning in warnings {
        talk!("{WARNING}warning:{WARNING:#} {warning}");
    }
}

/// Says why a program ends.
pub fn complain(why: &str) {
    talk!("{ERROR}error:{ERROR:#} {why}");
}
