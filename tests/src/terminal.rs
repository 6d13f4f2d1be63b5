//! A program on a terminal of its own, whose screen can be read and whose keys can be pressed.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;
use vt100::{Parser, Screen};

use crate::process::BOUND;
use crate::program;

/// `patchsweep` on a terminal. Behind it the shell says its exit code and the terminal's settings.
#[derive(Debug)]
pub struct OnTerminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Shown>,
    folder: TempDir,
}

/// What the terminal shows.
struct Shown {
    parser: Mutex<Parser>,
    changed: Condvar,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl OnTerminal {
    /// Starts it on a terminal of 256 colours with so many rows and columns; its stdout goes into [`Self::stdout`].
    ///
    /// # Panics
    /// When there is no terminal to be had.
    #[must_use]
    pub fn start(size: (u16, u16), args: &[&str]) -> Self {
        Self::start_knowing(size, args, |command| command)
    }

    /// The same, with what `knows` tells a command.
    ///
    /// # Panics
    /// When there is no terminal to be had.
    #[must_use]
    pub fn start_knowing((rows, columns): (u16, u16), args: &[&str], knows: impl FnOnce(Command) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let in_folder = |name| folder.path().join(name).display().to_string();
        let (tty, out) = (in_folder("tty"), in_folder("out"));
        let program = program("patchsweep").display().to_string();
        let quoted: Vec<_> = [program.as_str()].iter().chain(args).map(|arg| format!("'{arg}'")).collect();
        let script = format!(
            "stty rows {rows} cols {columns}; tty > '{tty}'; {} > '{out}'; echo \"exit $?\"; stty -a",
            quoted.join(" ")
        );
        let mut child = knows(Command::new("script"))
            .args(["--quiet", "--flush", "--command", &script, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env_remove("COLORTERM")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`script` of util-linux starts");
        let keys = child.stdin.take().expect("stdin is piped");
        let mut output = child.stdout.take().expect("stdout is piped");
        let shown = Arc::new(Shown { parser: Mutex::new(Parser::new(rows, columns, 0)), changed: Condvar::new() });
        let reader = Arc::clone(&shown);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                reader.parser.lock().expect("no panic").process(&bytes[..count]);
                reader.changed.notify_all();
            }
        });
        Self { child, keys, shown, folder }
    }

    /// Waits until the screen is as wanted, and gives its text.
    ///
    /// # Panics
    /// When that does not come in time.
    pub fn wait(&self, what: &str, is_so: impl Fn(&Screen) -> bool) -> String {
        let deadline = Instant::now() + BOUND;
        let mut parser = self.shown.parser.lock().expect("no panic");
        while !is_so(parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} never came; at last the screen was:\n{}", parser.screen().contents());
            (parser, _) = self.shown.changed.wait_timeout(parser, left).expect("no panic");
        }
        parser.screen().contents()
    }

    /// Waits until the screen shows a text.
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait(text, |screen| screen.contents().contains(text))
    }

    /// Presses keys.
    ///
    /// # Panics
    /// When nobody reads them.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal takes keys");
    }

    /// Makes the terminal larger or smaller.
    ///
    /// # Panics
    /// When it cannot be done.
    pub fn resize(&self, rows: u16, columns: u16) {
        let tty = std::fs::read_to_string(self.folder.path().join("tty")).expect("the terminal's name");
        self.shown.parser.lock().expect("no panic").screen_mut().set_size(rows, columns);
        let size = ["rows", &rows.to_string(), "cols", &columns.to_string()];
        let resized = Command::new("stty").args(["-F", tty.trim()]).args(size).status();
        assert!(resized.expect("`stty` starts").success(), "{tty} is there");
    }

    /// Where the program's stdout goes.
    #[must_use]
    pub fn stdout(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Waits for the program's end, and gives all that the terminal shows then, of which the settings come last.
    pub fn end(&mut self) -> String {
        let text = self.wait_for("min = ");
        let parser = self.shown.parser.lock().expect("no panic");
        assert!(!parser.screen().alternate_screen(), "the screen is as before");
        assert!(!parser.screen().hide_cursor(), "the cursor is there");
        for setting in ["-icanon", "-echo ", "-isig", "-opost"] {
            assert!(!text.contains(setting), "the terminal is as before, but for {setting}:\n{text}");
        }
        text
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
