//! Log files. They are written by a thread of their own, so that a slow disk holds nobody up.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};

use super::{LogError, LogFormat, Rotate};

/// Lines that may wait for the disk; further ones are dropped and counted.
const WAITING: usize = 16_384;

/// Ends the thread when dropped, once it has written what waits.
#[derive(Debug)]
pub(super) struct FileGuard {
    _thread: WorkerGuard,
}

pub(super) fn open(
    path: &Path,
    rotate: Rotate,
    keep: usize,
    format: LogFormat,
) -> Result<(NonBlocking, FileGuard), LogError> {
    let files = files(path, rotate, keep)?;
    let dropped = Arc::new(OnceLock::new());
    let lines = Lines { files, format, dropped: Arc::clone(&dropped), reported: 0 };
    let (writer, thread) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING).lossy(true).thread_name("log").finish(lines);
    let _ = dropped.set(writer.error_counter());
    Ok((writer, FileGuard { _thread: thread }))
}

fn files(path: &Path, rotate: Rotate, keep: usize) -> Result<RollingFileAppender, LogError> {
    let refused = |reason: String| LogError::File { path: path.to_owned(), reason };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| refused("it names no file".to_owned()))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = RollingFileAppender::builder().filename_prefix(name);
    let rotation = match rotate {
        Rotate::Never => {
            let opened = files.rotation(Rotation::NEVER).build(folder);
            return opened.map_err(|error| refused(cause(&error)));
        }
        Rotate::Daily => Rotation::DAILY,
        Rotate::Hourly => Rotation::HOURLY,
    };
    // The link must not take the place of a log.
    if path.symlink_metadata().is_ok_and(|found| !found.is_symlink()) {
        return Err(refused(
            "it is there already, and with --log-rotate it becomes a link to the newest file".to_owned(),
        ));
    }
    let opened = files.rotation(rotation).max_log_files(keep).latest_symlink(name).build(folder);
    opened.map_err(|error| refused(cause(&error)))
}

/// The system's own message, which is the innermost error.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Says in its place how many lines are missing.
struct Lines<W> {
    files: W,
    format: LogFormat,
    /// Set as soon as there is a queue to drop lines from.
    dropped: Arc<OnceLock<ErrorCounter>>,
    /// Of those dropped, those that the file reports.
    reported: usize,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        if dropped > self.reported {
            let missing = dropped - self.reported;
            let written = match self.format {
                LogFormat::Text => writeln!(self.files, "WARN {missing} lines dropped: the log file was too slow"),
                LogFormat::Json => writeln!(
                    self.files,
                    r#"{{"level":"WARN","message":"lines dropped: the log file was too slow","dropped":{missing}}}"#
                ),
            };
            written?;
            self.reported = dropped;
        }
        self.files.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.files.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn lines_are_in_the_file_once_the_guard_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs").join("worker.log");
        let (mut writer, guard) = open(&path, Rotate::Never, 3, LogFormat::Text).expect("a file");
        writer.write_all(b"one\n").expect("written");
        drop(guard);
        assert_eq!(fs::read_to_string(path).expect("a file"), "one\n");
    }

    #[test]
    fn rotated_files_have_a_date_and_a_link_to_the_newest_and_old_ones_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("worker.log");
        for old in ["2024-01-01", "2024-01-02", "2024-01-03"] {
            fs::write(folder.path().join(format!("worker.log.{old}")), "old").expect("written");
        }
        let (mut writer, guard) = open(&path, Rotate::Daily, 2, LogFormat::Text).expect("a file");
        writer.write_all(b"new\n").expect("written");
        drop(guard);
        assert_eq!(fs::read_to_string(&path).expect("a link"), "new\n");
        let names = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let dated = names.filter(|name| name.to_string_lossy().starts_with("worker.log.")).count();
        assert_eq!(dated, 2);
    }

    #[test]
    fn a_log_is_not_replaced_by_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("worker.log");
        fs::write(&path, "kept").expect("written");
        let error = open(&path, Rotate::Hourly, 2, LogFormat::Text).expect_err("refused").to_string();
        assert!(error.contains("--log-rotate"), "{error}");
        assert_eq!(fs::read_to_string(path).expect("a file"), "kept");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_refused_with_the_reason() {
        let error = open(Path::new("/proc/none/x.log"), Rotate::Never, 2, LogFormat::Text).expect_err("refused");
        assert!(error.to_string().starts_with("cannot write the log file /proc/none/x.log: "), "{error}");
    }

    /// Takes one line for each turn.
    struct Slow {
        turns: mpsc::Receiver<()>,
        lines: mpsc::Sender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.turns.recv();
            let _ = self.lines.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn dropped_lines_are_counted_in_their_place() {
        let (turn, turns) = mpsc::channel();
        let (lines, written) = mpsc::channel();
        let dropped = Arc::new(OnceLock::new());
        let slow =
            Lines { files: Slow { turns, lines }, format: LogFormat::Json, dropped: Arc::clone(&dropped), reported: 0 };
        let (mut writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(2).lossy(true).finish(slow);
        let _ = dropped.set(writer.error_counter());
        for _ in 0..20 {
            writer.write_all(b"line\n").expect("never blocks");
        }
        let missing = writer.error_counter().dropped_lines();
        assert!(missing > 0);
        drop(turn);
        drop(guard);
        let written: String = written.iter().collect();
        assert!(written.contains(&format!(r#""dropped":{missing}}}"#)), "{written}");
        assert_eq!(written.matches("line\n").count() + missing, 20);
    }
}
