//! Messages to people, on stderr. Nobody has to listen: a broken pipe is no reason to end.

use std::fmt::Arguments;
use std::io::Write;

use anstream::AutoStream;
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

/// Says a line on stderr, which several processes may share; `talk!` calls it.
pub fn say(words: Arguments<'_>) {
    let mut stderr = std::io::stderr().lock();
    let mut line = AutoStream::new(Vec::new(), AutoStream::choice(&stderr));
    let _ = writeln!(line, "{words}");
    // In one piece, or another's line may come into this one.
    let _ = stderr.write_all(&line.into_inner());
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
