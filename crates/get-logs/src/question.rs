//! What a request asks for.

use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::{Request, RequestExt};
use logs_core::{CodesQuery, Query, QueryError};

/// One of the two resources, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// GET /logs
    Logs(Query),
    /// GET /codes
    Codes(CodesQuery),
}

impl Question {
    /// Told by the last part of the path: a custom domain may put a prefix before it.
    pub(crate) fn of(request: &Request) -> Result<Self, QueryError> {
        let parameters = request.query_string_parameters_ref().into_iter().flat_map(QueryMap::iter);
        Ok(if request.raw_http_path().trim_end_matches('/').ends_with("/codes") {
            Self::Codes(CodesQuery::parse(parameters)?)
        } else {
            Self::Logs(Query::parse(parameters)?)
        })
    }

    /// Whether many dashboards ask the same question, so that caching the list pays.
    pub(crate) fn is_common(&self) -> bool {
        match self {
            Self::Logs(query) => *query == Query::default(),
            Self::Codes(_) => true,
        }
    }
}
