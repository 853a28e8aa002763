//! HTTP request → proxy event, function's answer → HTTP response.
//! Format: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::encodings::Body as EventBody;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};

use super::body::as_text;

/// The event as JSON; a body that is no text goes as base64.
pub(super) fn to_event(request: &Parts, body: Vec<u8>, id: &str) -> Result<Bytes, serde_json::Error> {
    let mut event = ApiGatewayProxyRequest::default();
    event.resource = Some(request.uri.path().to_owned());
    event.path = Some(request.uri.path().to_owned());
    event.http_method = request.method.clone();
    event.headers = text_headers(&request.headers);
    event.multi_value_headers = event.headers.clone();
    event.multi_value_query_string_parameters = request.uri.query().unwrap_or_default().parse().unwrap_or_default();
    event.query_string_parameters = event.multi_value_query_string_parameters.clone();
    event.request_context.request_id = Some(id.to_owned());
    event.request_context.http_method = request.method.clone();
    event.request_context.resource_path = Some(request.uri.path().to_owned());
    event.request_context.stage = Some("local".to_owned());
    match as_text(body) {
        Ok(text) if text.is_empty() => {}
        Ok(text) => event.body = Some(text),
        Err(bytes) => {
            event.body = Some(base64(&bytes));
            event.is_base64_encoded = true;
        }
    }
    serde_json::to_vec(&event).map(Bytes::from)
}

/// The answer as HTTP; `None` if it is not in the shape that API Gateway expects.
pub(super) fn to_response(answer: &[u8]) -> Option<Response<Body>> {
    let answer: ApiGatewayProxyResponse = serde_json::from_slice(answer).ok()?;
    let status = StatusCode::from_u16(u16::try_from(answer.status_code).ok()?).ok()?;
    let body = match answer.body {
        None | Some(EventBody::Empty) => Vec::new(),
        Some(EventBody::Text(text)) if answer.is_base64_encoded => from_base64(&text)?,
        Some(EventBody::Text(text)) => text.into_bytes(),
        Some(EventBody::Binary(bytes)) => bytes,
        Some(_) => return None,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().extend(answer.headers);
    response.headers_mut().extend(answer.multi_value_headers);
    Some(response)
}

/// Headers whose values are text; an event is JSON and has no room for others.
fn text_headers(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(_, value)| value.to_str().is_ok())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    base64::engine::Engine::decode(&base64::engine::general_purpose::STANDARD, text).ok()
}
