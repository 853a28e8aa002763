//! IAM database authentication: the token that stands in for a password. It is a presigned `rds-db:connect` request that
//! is never sent; the database server has AWS check its signature. Signed on this machine: nothing is asked for it.
//!
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html>

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::clock;
use super::signature::{self, Scope};

/// How long a token is good, from its date on. RDS accepts no more.
const LIFETIME: Duration = Duration::from_mins(15);

/// A token is dated back by this much, and is good for 10 minutes more. So the server accepts it when this machine's clock
/// is 5 minutes ahead (a date in the future is refused) or behind.
const DATED_BACK: Duration = Duration::from_mins(5);

/// What stays as it is in a URL's query (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The login that a token is for. It is good for no other host, port, region or user.
#[derive(Clone, Copy)]
pub(crate) struct Connect<'a> {
    /// The name that RDS gave to the server.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) region: &'a str,
    /// The database user.
    pub(crate) user: &'a str,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The environment has no AWS credentials.
    #[error("the environment has no AWS credentials: {0}")]
    NoCredentials(String),
    /// The request cannot be signed.
    #[error("the token cannot be signed: {0}")]
    NotSigned(String),
}

/// A token by the clock and the credentials of this environment.
pub(crate) async fn create(connect: Connect<'_>) -> Result<String, TokenError> {
    let credentials = signature::credentials().await.map_err(TokenError::NoCredentials)?;
    token(connect, credentials, clock::since_epoch())
}

/// A token made at this time since 1970.
fn token(connect: Connect<'_>, credentials: Credentials, now: Duration) -> Result<String, TokenError> {
    let Connect { host, port, region, user } = connect;
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let encode = |text| utf8_percent_encode(text, ENCODED).to_string();
    let url = format!("https://{host}:{port}/?Action=connect&DBUser={}", encode(user));
    let request = SignableRequest::new("GET", &*url, std::iter::empty(), SignableBody::Bytes(&[]));
    let scope = Scope { service: "rds-db", region };
    let signed = signature::sign(request, scope, settings, credentials, now.saturating_sub(DATED_BACK));
    let signed = signed.map_err(TokenError::NotSigned)?;
    let mut token = url.replacen("https://", "", 1);
    for (name, value) in signed.params() {
        token.push('&');
        token.push_str(name);
        token.push('=');
        token.push_str(&encode(value));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT: Connect<'_> = Connect {
        host: "db.abc.eu-central-1.rds.amazonaws.com",
        port: 3306,
        region: "eu-central-1",
        user: "post_log_dev",
    };

    /// 2026-01-01 00:07:00 UTC: the token is of 00:02:00.
    const NOW: Duration = Duration::from_mins(29_453_767);

    fn signed(session: Option<&str>, now: Duration) -> String {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIDEXAMPLE", secret, session.map(str::to_owned), None, "test");
        token(CONNECT, credentials, now).unwrap()
    }

    /// As `generate_db_auth_token` of botocore 1.44 makes them, at 00:02:00, but for the place of the session token: a query
    /// is sorted before it is signed, so the order of its parameters does not matter.
    #[test]
    fn a_token_is_the_one_that_another_implementation_makes() {
        const START: &str = "db.abc.eu-central-1.rds.amazonaws.com:3306/?Action=connect&DBUser=post_log_dev&\
             X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Feu-central-1%2Frds-db%2Faws4_request&\
             X-Amz-Date=20260101T000200Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&";
        let signature = "X-Amz-Signature=9dea6de02a098b53c0a229caaffd83e2dc21dd7f4ef97e7131bb9e31a6834938";
        assert_eq!(signed(None, NOW), format!("{START}{signature}"));
        let session = "X-Amz-Security-Token=session%2F%2B%3Dtoken";
        let signature = "X-Amz-Signature=91b39ea91461cecefe797a9b55ba104d6e89509a04ed26439c09df2030cc189e";
        assert_eq!(signed(Some("session/+=token"), NOW), format!("{START}{signature}&{session}"));
    }

    #[test]
    fn a_token_is_dated_five_minutes_back_even_over_midnight() {
        let just_after_midnight = signed(None, NOW.checked_sub(Duration::from_mins(4)).unwrap());
        assert!(just_after_midnight.contains("%2F20251231%2F"), "{just_after_midnight}");
        assert!(just_after_midnight.contains("X-Amz-Date=20251231T235800Z"), "{just_after_midnight}");
    }
}
