//! The gateway's own responses: each is a problem as in the contract.

use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::{Project, Template, variant, variants};

/// All response types of AWS, each with the contract's status.
const TYPES: [(&str, u16); 21] = [
    ("ACCESS_DENIED", 403),
    ("API_CONFIGURATION_ERROR", 502),
    ("AUTHORIZER_CONFIGURATION_ERROR", 502),
    ("AUTHORIZER_FAILURE", 502),
    ("BAD_REQUEST_BODY", 400),
    ("BAD_REQUEST_PARAMETERS", 400),
    ("DEFAULT_4XX", 400),
    ("DEFAULT_5XX", 502),
    ("EXPIRED_TOKEN", 403),
    ("INTEGRATION_FAILURE", 502),
    ("INTEGRATION_TIMEOUT", 504),
    ("INVALID_API_KEY", 403),
    ("INVALID_SIGNATURE", 403),
    ("MISSING_AUTHENTICATION_TOKEN", 404),
    ("QUOTA_EXCEEDED", 429),
    ("REQUEST_TOO_LARGE", 413),
    ("RESOURCE_NOT_FOUND", 404),
    ("THROTTLED", 429),
    ("UNAUTHORIZED", 403),
    ("UNSUPPORTED_MEDIA_TYPE", 400),
    ("WAF_FILTERED", 403),
];

const APIS: [&str; 2] = ["PostLogApi", "GetLogsApi"];

fn responses<'a>(template: &'a Template, api: &str) -> Vec<(&'a str, &'a Value)> {
    let all = &template.properties(api)["Body"]["x-amazon-apigateway-gateway-responses"];
    let mut all: Vec<_> =
        all.as_object().expect("an object").iter().map(|(kind, value)| (kind.as_str(), value)).collect();
    all.sort_unstable_by_key(|(kind, _)| *kind);
    all
}

/// The value, without quotes, of a header that the gateway sets.
fn header<'a>(response: &'a Value, name: &str) -> Option<&'a str> {
    let value = response["responseParameters"].get(format!("gatewayresponse.header.{name}"))?;
    let value = value.as_str().and_then(|value| value.strip_prefix('\'')?.strip_suffix('\''));
    Some(value.expect("a value stands in quotes"))
}

#[test]
fn every_type_of_response_has_the_contracts_status() {
    for template in variants() {
        for api in APIS {
            let found: Vec<_> = responses(template, api)
                .into_iter()
                .map(|(kind, response)| (kind, response["statusCode"].as_str().and_then(|code| code.parse().ok())))
                .collect();
            assert_eq!(found, TYPES.map(|(kind, status)| (kind, Some(status))), "{}: {api}", template.name);
        }
    }
}

#[test]
fn every_body_is_a_problem_that_names_the_request() {
    for template in variants() {
        for api in APIS {
            for (kind, response) in responses(template, api) {
                let templates = response["responseTemplates"].as_object().expect("there are templates");
                assert_eq!(templates.keys().collect::<Vec<_>>(), ["application/json"]);
                let text = templates["application/json"].as_str().expect("a text");
                let text = text.replace("$context.requestId", "the-id");
                // Nothing that a client sent: it could end the quotes.
                assert!(!text.contains('$'), "{api} {kind}: {text}");
                let problem: Value = serde_json::from_str(&text).expect("JSON");
                let status: u16 = response["statusCode"].as_str().and_then(|code| code.parse().ok()).expect("a status");
                let detail = problem["detail"].as_str().expect("a detail");
                let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
                let expected = serde_json::json!({
                    "type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": "the-id",
                });
                assert_eq!(problem, expected, "{api} {kind}");
                assert!(detail.len() > 10, "{api} {kind}: {detail}");
                assert_eq!(header(response, "content-type"), Some("application/problem+json"), "{api} {kind}");
            }
        }
    }
}

#[test]
fn retryable_statuses_have_retry_after() {
    for template in variants() {
        for api in APIS {
            for (kind, response) in responses(template, api) {
                let seconds = header(response, "retry-after").map(|seconds| seconds.parse::<u32>().expect("a number"));
                let expected = match (kind, response["statusCode"].as_str()) {
                    ("QUOTA_EXCEEDED", _) => Some(3600),
                    (_, Some("429" | "502")) => Some(1),
                    _ => None,
                };
                assert_eq!(seconds, expected, "{api} {kind}");
            }
        }
    }
}

#[test]
fn pages_of_the_allowed_origin_can_read_every_response() {
    let other = Project::copy().package("dev", &["allowedOrigin=https://a.example"]).expect("it can be packaged");
    for (template, origin) in [(variant("dev", "created"), "*"), (&other, "https://a.example")] {
        for api in APIS {
            for (kind, response) in responses(template, api) {
                assert_eq!(header(response, "access-control-allow-origin"), Some(origin), "{api} {kind}");
            }
        }
    }
}

#[test]
fn every_status_is_in_the_document() {
    let template = variant("dev", "created");
    for (api, method) in [("PostLogApi", "post"), ("GetLogsApi", "get")] {
        let documented = &template.properties(api)["Body"]["paths"]["/logs"][method]["responses"];
        for (kind, response) in responses(template, api) {
            let status = response["statusCode"].as_str().expect("a status");
            assert!(documented.get(status).is_some(), "{api}: {kind} is {status}");
        }
    }
}
