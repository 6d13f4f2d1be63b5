//! The programs as real processes, none of which outlives its test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wait_timeout::ChildExt;

use crate::program;

/// No command of these tests may take longer.
pub const BOUND: Duration = Duration::from_mins(5);

/// `patchsweep` with a time limit and without settings of the caller's.
#[must_use]
pub fn patchsweep(args: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::from_std(client(args));
    command.timeout(BOUND);
    command
}

/// `patchsweep` without settings of the caller's.
#[must_use]
pub fn client(args: &[&str]) -> Command {
    let mut command = Command::new(program("patchsweep"));
    command.args(args);
    forget_settings(&mut command);
    command
}

/// Takes away what the caller has set: variables, and the config file.
fn forget_settings(command: &mut Command) {
    for setting in SETTINGS {
        command.env_remove(setting);
    }
    command.env("PATCHSWEEP_CONFIG", "");
}

const SETTINGS: [&str; 8] = [
    "CLICOLOR_FORCE",
    "NO_COLOR",
    "PATCHSWEEP_COORDINATOR",
    "PATCHSWEEP_CREDENTIALS",
    "PATCHSWEEP_LOG",
    "PATCHSWEEP_OUTPUT",
    "PATCHSWEEP_STATE",
    "PATCHSWEEP_WORKER",
];

/// A process whose log is read line by line; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
    /// Outlives the process, and nothing else.
    folder: Option<TempDir>,
}

impl Running {
    /// Starts a program and reads its stderr.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(program(name)), args)
    }

    /// Starts a program that gets no more than so much address space from the system.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_within(kib: u64, name: &str, args: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {kib} && exec \"$0\" \"$@\"")]).arg(program(name));
        Self::spawn(command, args)
    }

    /// Starts a program through a command of the caller's.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_command(command: Command, args: &[&str]) -> Self {
        Self::spawn(command, args)
    }

    fn spawn(mut command: Command, args: &[&str]) -> Self {
        forget_settings(&mut command);
        command.env("PATCHSWEEP_LOG", "patchsweep=debug,patchsweep_worker=info");
        let mut child = command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, seen: Vec::new(), folder: None }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A figure in KiB of what the system says of the process, for instance `VmPeak`.
    ///
    /// # Panics
    /// When the process has ended, or there is no such figure.
    #[must_use]
    pub fn memory_kib(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).expect("the figure");
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
    }

    /// Runs a command to its end, and gives the largest value that a figure of this process had meanwhile, as
    /// [`Self::memory_kib`] reads it.
    ///
    /// # Panics
    /// When the command fails, or does not end in time.
    #[must_use]
    pub fn peak_kib(&self, figure: &str, mut command: Command) -> u64 {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
        let deadline = Instant::now() + BOUND;
        let mut peak = 0;
        loop {
            let ended = child.wait_timeout(Duration::from_millis(1)).expect("the process can be waited for");
            peak = peak.max(self.memory_kib(figure));
            if let Some(status) = ended {
                assert!(status.success(), "{command:?}: {status}");
                return peak;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                panic!("{command:?} does not end");
            }
        }
    }

    /// Waits for a line of the log that holds `text`.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + BOUND;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("no line with {text:?} ({error}) in:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Ends the process in order, if it has not ended, and counts the lines of its log that hold `text`.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn count(&mut self, text: &str) -> usize {
        if self.child.try_wait().expect("the process can be waited for").is_none() {
            self.signal("TERM");
        }
        self.wait();
        self.seen.extend(self.lines.iter());
        self.seen.iter().filter(|line| line.contains(text)).count()
    }

    /// Ends the process in order, if it has not ended, and gives its whole log.
    ///
    /// # Panics
    /// When it does not end in time.
    #[must_use]
    pub fn log(&mut self) -> Vec<String> {
        self.count("");
        self.seen.clone()
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn wait(&mut self) -> ExitStatus {
        let ended = self.child.wait_timeout(BOUND).expect("the process can be waited for");
        ended.expect("the process ends in time")
    }

    /// Sends a signal, by the name that `kill` knows.
    ///
    /// # Panics
    /// When the process cannot be signalled.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: not every machine has the program.
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {}", self.id())]).status();
        assert!(sent.expect("a shell").success(), "the process is there");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A coordinator on a free port of this machine, and its address.
#[must_use]
pub fn serve(args: &[&str]) -> (Running, String) {
    serve_at("127.0.0.1:0", args)
}

/// A coordinator on an address of this machine, and its URL. Without `--state` it has a state directory of its own.
///
/// # Panics
/// When there can be no temporary folder.
#[must_use]
pub fn serve_at(address: &str, args: &[&str]) -> (Running, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = ["--state", folder.path().to_str().expect("a plain path")];
    let state: &[&str] = if args.contains(&"--state") { &[] } else { &state };
    let mut serve = Running::start("patchsweep", &[&["serve", "--listen", address], args, state].concat());
    serve.folder = Some(folder);
    let line = serve.wait_for("listening on ");
    let url = line.trim_start_matches("listening on ").to_owned();
    (serve, url)
}

/// A worker with one thread, because tests run side by side.
#[must_use]
pub fn worker(url: &str, args: &[&str]) -> Running {
    Running::start("patchsweep-worker", &[&["--coordinator", url, "--threads", "1"], args].concat())
}
