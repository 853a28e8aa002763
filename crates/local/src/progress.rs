//! Progress lines of a long command.

use std::io::Write;

/// Writes lines to standard error. Each begins with the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    command: &'static str,
}

impl Progress {
    pub const fn of(command: &'static str) -> Self {
        Self { command }
    }

    pub const fn command(self) -> &'static str {
        self.command
    }

    /// Ignores errors: a closed terminal must not prevent a clean stop.
    pub fn say(self, step: &str) {
        let _ = writeln!(std::io::stderr(), "{}: {step}", self.command);
    }
}
