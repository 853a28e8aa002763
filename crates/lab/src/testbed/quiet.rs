//! Waiting until nobody is connected to the store any more: what the functions sent last has happened or not.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::LabError;

/// How long functions that ended may still have connections.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn wait_until(mut is_quiet: impl AsyncFnMut() -> Result<bool, LabError>) -> Result<(), LabError> {
    let started = Instant::now();
    while !is_quiet().await? {
        if started.elapsed() > LIMIT {
            return Err(LabError::NeverQuiet);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
