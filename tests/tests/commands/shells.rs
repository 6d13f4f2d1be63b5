//! Completions, manual pages, and a program that starts without libtorch.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use patchsweep_tests::{patchsweep, program};

use super::stage::plain;

fn script(shell: &str) -> String {
    let assert = patchsweep(&["completions", shell]).assert().success();
    String::from_utf8(assert.get_output().stdout.clone()).expect("text")
}

/// What bash says of a script.
fn bash(args: &[&str], script: &str) -> String {
    let mut bash = Command::new("bash");
    let mut bash =
        bash.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash");
    bash.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("bash reads");
    let output = bash.wait_with_output().expect("bash ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = script("bash");
    bash(&["-n"], &script);
    let completed = |words: &str, last: usize, previous: &str| {
        let current = words.split(' ').nth(last).unwrap_or_default();
        let call = format!("COMP_WORDS=({words}); COMP_CWORD={last}; _patchsweep patchsweep '{current}' '{previous}'");
        bash(&["--norc"], &format!("{script}\n{call}\necho \"${{COMPREPLY[@]}}\""))
    };
    assert_eq!(completed("patchsweep stat", 1, "patchsweep"), "status");
    assert_eq!(completed("patchsweep list --coord", 2, "list"), "--coordinator");
    assert_eq!(completed("patchsweep list --output j", 3, "--output"), "json");
}

#[test]
fn every_shell_gets_a_script_of_its_own() {
    for (shell, part) in [
        ("zsh", "#compdef patchsweep"),
        ("fish", "complete -c patchsweep"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = script(shell);
        assert!(script.contains(part) && script.contains("resume"), "{shell}");
    }
}

#[test]
fn each_command_has_a_manual_page_that_man_can_render() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let assert = patchsweep(&["man", "--out", plain(folder.path())]).assert().success();
    let stdout = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let pages: Vec<&str> = stdout.lines().collect();
    for page in ["patchsweep.1", "patchsweep-run.1", "patchsweep-token-rotate.1", "patchsweep-config-show.1"] {
        assert!(pages.iter().any(|path| path.ends_with(&format!("/{page}"))), "{page} in {stdout}");
    }
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page");
        assert!(text.contains("\n.TH ") && text.contains(".SH NAME"), "{page}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), pages.len());
    // Not every machine has it.
    if let Ok(output) = Command::new("man")
        .args(["--warnings", "-l", &folder.path().join("patchsweep-run.1").display().to_string()])
        .output()
    {
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(page.contains("Number of worker processes"), "{page}");
    }
    let missing = folder.path().join("missing");
    let refused = patchsweep(&["man", "--out", plain(&missing)]).assert().code(2);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("give a folder that is there"));
}

#[test]
fn patchsweep_needs_no_libtorch_and_its_worker_does() {
    // The names of shared libraries stand in the program as they are.
    let needs = |name: &str| {
        let bytes = fs::read(program(name)).expect("a program");
        ["libtorch_cpu.so", "libtorch.so", "libc10.so"]
            .map(|library| bytes.windows(library.len()).any(|window| window == library.as_bytes()))
    };
    assert_eq!(needs("patchsweep"), [false; 3]);
    assert!(needs("patchsweep-worker").contains(&true), "so would be seen that it does");
}
