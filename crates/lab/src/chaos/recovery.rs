//! How long the service takes to recover from a fault.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

use crate::chaos::client::Acknowledged;

/// Far longer than any recovery should take. After this time, the service has not recovered.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// From the end of a fault to the answer to a POST sent after it, and in queued mode until something is stored. Includes up
/// to 0.15 s for a client's own pauses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    /// Until the first client is served.
    pub(crate) first: Duration,
    /// Until the last one is. It may have waited for an earlier answer.
    pub(crate) last: Duration,
}

impl Recovery {
    /// The service has also needed this `time`.
    pub(crate) fn at_least(self, time: Duration) -> Self {
        Self { first: self.first.max(time), last: self.last.max(time) }
    }
}

/// Waits until every client has been served again; `None` if that takes too long.
pub(crate) async fn wait(
    acknowledged: &mut UnboundedReceiver<Acknowledged>,
    end_of_fault: Instant,
    clients: usize,
) -> Option<Recovery> {
    let mut served: Vec<Option<Instant>> = vec![None; clients];
    let everyone = async {
        while served.contains(&None) {
            let next = acknowledged.recv().await?;
            if next.sent >= end_of_fault {
                served[next.client].get_or_insert(next.answered);
            }
        }
        let times = served.iter().flatten().map(|answered| *answered - end_of_fault);
        Some(Recovery { first: times.clone().min()?, last: times.max()? })
    };
    timeout_at(Instant::now() + LIMIT, everyone).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn requests_sent_before_the_end_of_the_fault_do_not_count() {
        let end = Instant::now();
        let ms = Duration::from_millis;
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let early = end - ms(1);
        for (client, sent, answered) in [
            (0, early, end + ms(2)),
            (1, end + ms(3), end + ms(9)),
            (0, end + ms(20), end + ms(25)),
            (1, end + ms(30), end + ms(40)),
        ] {
            assert!(sender.send(Acknowledged { client, sent, answered }).is_ok());
        }
        let recovery = wait(&mut receiver, end, 2).await.expect("both are served");
        assert_eq!((recovery.first, recovery.last), (ms(9), ms(25)));
    }
}
