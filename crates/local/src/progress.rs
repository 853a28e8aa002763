//! What a command that takes long says meanwhile.

use std::io::Write;

/// Lines for whoever waits, on standard error; each begins with the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Progress(pub &'static str);

impl Progress {
    /// A line. One that cannot be written is no reason to leave a server behind.
    pub fn say(self, step: &str) {
        let _ = writeln!(std::io::stderr(), "{}: {step}", self.0);
    }
}
