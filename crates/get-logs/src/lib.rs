//! GET /logs: the most recent error codes, for a dashboard: of all devices, of one, or of one code. GET /codes: which
//! codes were reported lately, and how often.
//!
//! The list comes from the database, or from the [`Cache`]. A client that has the list already (`If-None-Match`) gets
//! 304.

mod cache;
mod entity_tag;
mod question;

use edge::{Handler, Problem, Response, json, set_header, unavailable};
use http::StatusCode;
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use lambda_http::Request;
use logs_core::clock::{self, Moment};
use logs_core::metrics::{Metric, Metrics};
use logs_core::settings::Env;
use logs_core::{Access, QueryError, Store, StoreError};
use serde::Serialize;

pub use cache::Cache;
use entity_tag::EntityTag;
use question::Question;

/// The function: it only reads.
#[derive(Debug)]
pub struct GetLogs {
    /// Where the logs are.
    pub store: Store,
    /// The lists that were read last.
    pub cache: Cache,
    /// The current time.
    pub clock: fn() -> Moment,
    /// What CloudWatch counts.
    pub metrics: Metrics,
}

/// A list, ready to be sent.
#[derive(Clone, Debug)]
struct Listing {
    response: Response,
    tag: EntityTag,
    rows: usize,
}

/// Why a GET is not answered with a list.
#[derive(Debug, thiserror::Error)]
enum GetError {
    /// 400
    #[error(transparent)]
    Query(#[from] QueryError),
    /// 501 or 503
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GetError {
    fn response(&self, request_id: &str) -> Response {
        let detail = self.to_string();
        match self {
            Self::Query(_) => Problem::new(StatusCode::BAD_REQUEST, &detail, request_id).response(),
            Self::Store(StoreError::NotSupported(_)) => {
                Problem::new(StatusCode::NOT_IMPLEMENTED, &detail, request_id).response()
            }
            Self::Store(_) => unavailable(request_id),
        }
    }

    /// One line for the operator.
    fn log(&self) {
        match self {
            Self::Store(StoreError::NotStored(_) | StoreError::MayBeStored(_)) => {
                tracing::error!(error = %self, "not listed");
            }
            Self::Query(_) | Self::Store(StoreError::NotSupported(_)) => tracing::info!(detail = %self, "refused"),
        }
    }
}

impl Handler for GetLogs {
    async fn handle(&self, request: Request) -> Response {
        let answer = self.get(&request).await;
        let mut metrics = self.store.take_metrics();
        metrics.extend(answer.as_ref().ok().map(|(_, reads)| Metric::Count("DatabaseReads", *reads)));
        self.metrics.write(&metrics);
        match answer {
            Ok((response, _)) => response,
            Err(error) => {
                error.log();
                error.response(edge::request_id(&request))
            }
        }
    }
}

impl GetLogs {
    /// Reads all settings, and connects ahead of the first event.
    pub async fn from_environment(env: Env<'_>) -> Result<Self, edge::Error> {
        let cache = Cache::from_environment(env)?;
        let store = Store::from_environment(env, Access::Read).await?;
        Ok(Self { store, cache, clock: Moment::now, metrics: Metrics::from_environment(env) })
    }

    /// The response, and how often the store was asked.
    async fn get(&self, request: &Request) -> Result<(Response, usize), GetError> {
        let question = Question::of(request)?;
        let now = (self.clock)();
        let cached = self.cache.get(&question, now);
        let reads = usize::from(cached.is_none());
        let listing = match cached {
            Some(listing) => listing,
            None => self.read(&question, now, request).await?,
        };
        let rows = listing.rows;
        let response = listing.respond_to(request);
        tracing::info!(rows, cached = reads == 0, status = response.status().as_u16(), "listed");
        Ok((response, reads))
    }

    async fn read(&self, question: &Question, now: Moment, request: &Request) -> Result<Listing, StoreError> {
        let deadline = edge::deadline(request);
        let listing = match question {
            Question::Logs(query) => {
                let found = self.store.find(query, deadline).await?;
                Listing::new(&found, found.result.len(), &self.cache)
            }
            Question::Codes(query) => {
                let found = self.store.codes(*query, clock::seconds(now.wall), deadline).await?;
                Listing::new(&found, found.result.len(), &self.cache)
            }
        };
        self.cache.keep(question, &listing, now);
        Ok(listing)
    }
}

impl Listing {
    fn new(list: &impl Serialize, rows: usize, cache: &Cache) -> Self {
        let mut response = json(StatusCode::OK, list);
        let tag = EntityTag::of(response.body());
        set_header(&mut response, ETAG, tag.as_str());
        set_header(&mut response, CACHE_CONTROL, &cache.control());
        // Without this header the browser hides the tag from a page of another origin.
        set_header(&mut response, ACCESS_CONTROL_EXPOSE_HEADERS, "etag");
        Self { response, tag, rows }
    }

    fn respond_to(mut self, request: &Request) -> Response {
        let lines = request.headers().get_all(IF_NONE_MATCH).iter();
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
        if self.tag.is_named_in(&lines) {
            // The client has the body already. The other headers go with 304 (RFC 9110 §15.4.5).
            *self.response.status_mut() = StatusCode::NOT_MODIFIED;
            self.response.headers_mut().remove(CONTENT_TYPE);
            self.response.body_mut().clear();
        }
        self.response
    }
}
