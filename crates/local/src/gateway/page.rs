//! The dashboard page, one document that the gateway itself serves. infra/page.js composes the same one for API Gateway.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const HTML: &str = include_str!("../../../../page/index.html");
const STYLE: &str = include_str!("../../../../page/style.css");
/// As `SCRIPTS` in infra/page.js.
const SCRIPT: &str = concat!(
    include_str!("../../../../page/script/view.js"),
    "\n",
    include_str!("../../../../page/script/key.js"),
    "\n",
    include_str!("../../../../page/script/poll.js"),
    "\n",
    include_str!("../../../../page/script/show.js"),
    "\n",
    include_str!("../../../../page/script/elements.js"),
    "\n",
    include_str!("../../../../page/script/csv.js"),
    "\n",
    include_str!("../../../../page/script/start.js"),
);

#[derive(Debug, thiserror::Error)]
#[error("codes.json must be an object of error codes and names, like {{\"107\":\"Motor overheated\"}}: {0}")]
pub struct NamesError(#[from] serde_json::Error);

/// The page. `names` is the text of `codes.json`, where there is one.
pub fn page(names: Option<&str>) -> Result<String, NamesError> {
    let names: BTreeMap<i32, String> = names.map_or(Ok(BTreeMap::new()), serde_json::from_str)?;
    // `<` could end the element; `$` and `#` have a meaning in API Gateway's templates.
    let names = serde_json::to_string(&names)?;
    let names = names.replace('<', r"\u003c").replace('$', r"\u0024").replace('#', r"\u0023");
    Ok(HTML
        .replace("{{policy}}", &policy())
        .replace("{{style}}", STYLE)
        .replace("{{script}}", SCRIPT)
        .replace("{{names}}", &names))
}

/// Allows only the scripts and styles in the page itself, and requests to where the page came from.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'",
        source(SCRIPT),
        source(STYLE)
    )
}

fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// The page with API Gateway's headers.
pub(super) fn response(page: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(page.to_owned()));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_nothing_that_api_gateways_templates_would_change() {
        let page = page(Some(r#"{"107":"costs $5 </script> #1"}"#)).unwrap();
        assert!(!page.contains(['$', '#']), "found a dollar or number sign");
        assert!(!page.contains("{{"), "a placeholder is left");
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(page.len() <= 60_000, "{} bytes", page.len());
    }

    #[test]
    fn names_must_be_texts_by_error_code() {
        for names in ["", "[]", r#"{"107":1}"#, r#"{"E7":"Motor"}"#, r#"{"2147483648":"Motor"}"#] {
            assert!(page(Some(names)).is_err(), "{names}");
        }
    }
}
