//! What a long command reports meanwhile, and why it failed.

use std::io::Write;

/// Lines about the progress, on standard error; each begins with the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    command: &'static str,
}

impl Progress {
    /// For a command, as in `./dev COMMAND`.
    #[must_use]
    pub const fn of(command: &'static str) -> Self {
        Self { command }
    }

    /// The command's name.
    #[must_use]
    pub const fn command(self) -> &'static str {
        self.command
    }

    /// Writes a line. A closed terminal is no error: the command has servers to stop.
    pub fn say(self, step: &str) {
        let _ = writeln!(std::io::stderr(), "{}: {step}", self.command);
    }
}
