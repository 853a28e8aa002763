//! What is asked for, and where it is said how far it is.

use local::progress::Progress;

use crate::chaos::fault::Kind;

pub(crate) const PROGRESS: Progress = Progress::of("chaos");

/// What the command line says.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) clients: usize,
    pub(crate) seconds: u64,
    /// With a queue before the database.
    pub(crate) queued: bool,
    /// Only these, in the order of [`Kind::ALL`]; empty: all.
    pub(crate) kinds: Vec<Kind>,
}
