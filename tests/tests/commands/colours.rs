//! Colours are for terminals, unless `NO_COLOR` and `CLICOLOR_FORCE` say otherwise.

use patchsweep_tests::patchsweep;

use super::stage::NOBODY;

/// Whether a command that fails says so in colours on a pipe.
fn is_coloured(args: &[&str], variables: &[(&str, &str)]) -> bool {
    let mut command = patchsweep(args);
    let output = command.envs(variables.iter().copied()).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("error:"), "{stderr}");
    stderr.contains("\u{1b}[")
}

#[test]
fn pipes_get_colours_only_when_they_are_forced_and_never_with_no_color() {
    for args in [&["list", "--nonsense"][..], &["list", "--coordinator", NOBODY]] {
        assert!(!is_coloured(args, &[]), "{args:?}");
        assert!(is_coloured(args, &[("CLICOLOR_FORCE", "1")]), "{args:?}");
        assert!(!is_coloured(args, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "{args:?}");
    }
}
