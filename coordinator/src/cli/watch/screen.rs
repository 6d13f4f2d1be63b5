//! The terminal while a view is shown on it, and as it was before on every way out.

use std::io::{self, BufWriter, IsTerminal, Stderr, stderr};
use std::panic;

use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A screen of its own on the terminal behind stderr: what a view shows is talk, and stdout stays for data.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
}

impl Screen {
    /// Whether there is a terminal that can show it.
    pub(super) fn is_there() -> bool {
        stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
    }

    pub(super) fn open() -> io::Result<Self> {
        let previous = panic::take_hook();
        // The message of a panic would go with the screen.
        panic::set_hook(Box::new(move |info| {
            restore();
            previous(info);
        }));
        enable_raw_mode()?;
        let opened = execute!(stderr(), EnterAlternateScreen, cursor::Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::new(stderr()))));
        match opened {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Draws at the terminal's size of now.
    pub(super) fn draw(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame.area(), frame.buffer_mut()))?;
        Ok(())
    }

    /// Forgets what is on the screen: something else has written there.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// All of it, whatever has failed: there is nothing better to do.
fn restore() {
    let _ = disable_raw_mode();
    let _ = execute!(stderr(), terminal::EnableLineWrap, LeaveAlternateScreen, cursor::Show);
}
