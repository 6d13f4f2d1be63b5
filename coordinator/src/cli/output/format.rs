//! The forms in which a command can say something, and which one is wanted while nothing else is known.

use std::ffi::OsStr;

use clap::ValueEnum;

/// The form of what a command says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OutputFormat {
    /// For people and `awk`.
    #[default]
    Table,
    /// One JSON object, also when the command fails.
    Json,
    /// What the next command needs, one on each line: ids, a folder, a URL.
    Quiet,
}

/// The form that a command line asks for which may be refused for something else.
///
/// `fallbacks`: what environment and config file say, in that order.
pub(in crate::cli) fn wanted<S: AsRef<OsStr>>(words: &[S], fallbacks: [Option<&OsStr>; 2]) -> OutputFormat {
    let words = || words.iter().map(AsRef::as_ref).take_while(|&word| word != "--");
    let joined = words().filter_map(|word| word.to_str()?.strip_prefix("--output=")).map(OsStr::new).last();
    let apart = words().zip(words().skip(1)).filter(|&(option, _)| option == "--output").map(|(_, value)| value).last();
    let word = joined.or(apart).into_iter().chain(fallbacks.into_iter().flatten()).next();
    word.and_then(|word| OutputFormat::from_str(word.to_str()?, false).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_command_line_is_answered_in_the_form_that_it_asked_for() {
        let none = [None, None];
        let json = OutputFormat::Json;
        assert_eq!(wanted(&["patchsweep", "list", "--output", "json", "--nonsense"], none), json);
        assert_eq!(wanted(&["patchsweep", "--output=json", "nonsense"], none), json);
        assert_eq!(wanted(&["patchsweep", "run", "--", "--output=json"], none), OutputFormat::Table);
        assert_eq!(wanted(&["patchsweep", "--output", "nonsense"], none), OutputFormat::Table);
        assert_eq!(wanted(&["patchsweep", "list"], none), OutputFormat::Table);
    }

    #[test]
    fn the_flag_counts_more_than_the_environment_and_that_more_than_the_file() {
        let [json, quiet] = ["json", "quiet"].map(|word| Some(OsStr::new(word)));
        assert_eq!(wanted(&["patchsweep", "--output=quiet"], [json, json]), OutputFormat::Quiet);
        assert_eq!(wanted(&["patchsweep"], [json, quiet]), OutputFormat::Json);
        assert_eq!(wanted(&["patchsweep"], [None, quiet]), OutputFormat::Quiet);
    }
}
