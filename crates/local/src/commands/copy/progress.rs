//! What a user sees while it runs.

use std::time::{Duration, Instant};

use crate::say;

const REPORT_EVERY: Duration = Duration::from_secs(2);

/// What was read of one kind, and how much of it was new.
pub(super) struct Progress {
    what: &'static str,
    started: Instant,
    said: Instant,
    seen: usize,
    new: usize,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, started: Instant::now(), said: Instant::now(), seen: 0, new: 0 }
    }

    pub(super) fn add(&mut self, seen: usize, new: usize) {
        self.seen += seen;
        self.new += new;
        if self.said.elapsed() >= REPORT_EVERY {
            self.said = Instant::now();
            self.say("so far");
        }
    }

    pub(super) fn end(&self) {
        self.say("done");
    }

    fn say(&self, state: &str) {
        let rate = self.seen as u128 * 1_000 / self.started.elapsed().as_millis().max(1);
        let Self { what, seen, new, .. } = self;
        say(&format!("{state}: {seen} {what} read, {new} of them new at the target; {rate} a second"));
    }
}
