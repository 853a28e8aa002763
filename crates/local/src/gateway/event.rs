//! Turns an HTTP request into a proxy event, and a function response into an HTTP response.
//! Format: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::encodings::Body as EventBody;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

use super::body::as_text;

/// The proxy event of a request, as JSON. A body that is not UTF-8 is encoded as base64.
pub fn to_event(request: &Parts, body: Vec<u8>, id: &str) -> Result<Bytes, serde_json::Error> {
    let mut event = ApiGatewayProxyRequest::default();
    event.resource = Some(request.uri.path().to_owned());
    event.path = Some(request.uri.path().to_owned());
    event.http_method = request.method.clone();
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
    // Headers are set in the JSON: the type cannot hold one that is not ASCII, and API Gateway passes those on.
    let mut event = serde_json::to_value(&event)?;
    let (mut single, mut all) = (Map::new(), Map::new());
    for name in request.headers.keys() {
        let values: Vec<Value> = request.headers.get_all(name).iter().map(|value| text(value).into()).collect();
        single.insert(name.to_string(), values.last().cloned().unwrap_or_default());
        all.insert(name.to_string(), values.into());
    }
    // API Gateway sets it; lambda_http builds a URL from it.
    single.insert("x-forwarded-proto".to_owned(), "http".into());
    all.insert("x-forwarded-proto".to_owned(), vec!["http"].into());
    event["headers"] = single.into();
    event["multiValueHeaders"] = all.into();
    serde_json::to_vec(&event).map(Bytes::from)
}

/// `None` if the function response is malformed.
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

/// Reads bytes above ASCII as Latin-1 (RFC 9110 §5.5).
fn text(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    base64::engine::Engine::decode(&base64::engine::general_purpose::STANDARD, text).ok()
}
