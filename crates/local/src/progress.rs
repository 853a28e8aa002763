//! What a command that takes long says meanwhile, and why it failed.

use std::io::Write;

/// Lines for whoever waits, on standard error; each begins with the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    command: &'static str,
}

impl Progress {
    /// Of this command, as in `./dev COMMAND`.
    #[must_use]
    pub const fn of(command: &'static str) -> Self {
        Self { command }
    }

    /// A line. One that cannot be written is no reason to leave a server behind.
    pub fn say(self, step: &str) {
        let _ = writeln!(std::io::stderr(), "{}: {step}", self.command);
    }
}
