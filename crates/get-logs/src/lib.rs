//! GET /logs: the 10 most recent error codes, for a dashboard.
//!
//! The list is read from the database, or is the one that the [`Cache`] has; a client that says that it has it
//! already (`If-None-Match`) gets 304.

mod cache;
mod entity_tag;

use logs_core::MostRecent;
use logs_core::clock::Moment;
use logs_core::metrics::{Metric, Metrics};
use logs_core::mysql::{Store, StoreError};
use rest_proxy::{Answer, Request};

pub use cache::Cache;
use entity_tag::EntityTag;

/// The function: it only reads.
#[derive(Debug)]
pub struct GetLogs {
    /// Where the logs are.
    pub store: Store,
    /// The list that was read last, for a while.
    pub cache: Cache,
    /// What time it is.
    pub clock: fn() -> Moment,
    /// What CloudWatch counts.
    pub metrics: Metrics,
}

/// A list, ready to be sent.
#[derive(Clone, Debug)]
struct Listing {
    answer: Answer,
    tag: EntityTag,
    logs: usize,
}

impl GetLogs {
    /// Answers one GET.
    pub async fn handle(&self, request: &Request) -> Answer {
        let now = (self.clock)();
        let (listing, cached) = match self.cache.get(now) {
            Some(listing) => (listing, true),
            None => match self.read(now, request).await {
                Ok(listing) => (listing, false),
                Err(error) => {
                    tracing::error!(%error, "not listed");
                    return Answer::out_of_reach(&request.id);
                }
            },
        };
        let logs = listing.logs;
        let answer = listing.answer_to(request);
        self.metrics.write(&[Metric::Count("DatabaseReads", usize::from(!cached))]);
        tracing::info!(logs, cached, status = answer.status(), "listed");
        answer
    }

    async fn read(&self, now: Moment, request: &Request) -> Result<Listing, StoreError> {
        let most_recent = self.store.most_recent(request.deadline).await?;
        let listing = Listing::new(&most_recent, &self.cache);
        self.cache.keep(&listing, now);
        Ok(listing)
    }
}

impl Listing {
    fn new(most_recent: &MostRecent, cache: &Cache) -> Self {
        let answer = Answer::ok(most_recent);
        let tag = EntityTag::of(answer.body());
        let answer = answer
            .with("etag", tag.as_str().to_owned())
            .with("cache-control", cache.control())
            // Without it the browser keeps the tag from a page of another origin.
            .with("access-control-expose-headers", "etag".to_owned());
        Self { answer, tag, logs: most_recent.result.len() }
    }

    fn answer_to(self, request: &Request) -> Answer {
        if self.tag.is_named_in(&request.if_none_match) { self.answer.not_modified() } else { self.answer }
    }
}
