//! Verifies IAM tokens as AWS does. Shares no code with the signing side, so that a mistake there shows.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use time::format_description::well_known::Iso8601;
use time::{Duration, OffsetDateTime};

/// RDS accepts tokens of at most 15 minutes.
const MAX_SECONDS: i64 = 900;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The contents of a valid token, and the signer's keys.
#[derive(Clone)]
pub struct Policy {
    /// The server's name, as clients use it.
    pub host: String,
    pub port: u16,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    /// A role has a session token; an IAM user has none.
    pub session: Option<String>,
    /// The database users that `rds-db:connect` allows.
    pub users: Vec<String>,
    /// How far AWS's clock is ahead of this machine's.
    pub clock_ahead: Duration,
}

/// Why a token is refused: the first problem found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a token.
    Malformed,
    /// For another server.
    OtherServer,
    /// For another user than the one that logs in.
    OtherUser,
    /// The policy does not allow this user.
    NotAllowed,
    /// For another region.
    OtherRegion,
    /// Signed with an unknown key.
    OtherKey,
    /// Valid for more than 15 minutes.
    TooLong,
    /// Not valid yet.
    NotYet,
    /// No longer valid.
    Expired,
    /// The signature does not match the key and the text.
    Signature,
}

/// Verifies a token with which `user` logs in, by this machine's clock plus [`Policy::clock_ahead`].
pub(super) fn verify(token: &str, user: &str, policy: &Policy) -> Result<(), Refusal> {
    verify_at(token, user, policy, OffsetDateTime::now_utc() + policy.clock_ahead)
}

fn verify_at(token: &str, user: &str, policy: &Policy, now: OffsetDateTime) -> Result<(), Refusal> {
    let (server, query) = token.split_once("/?").ok_or(Refusal::Malformed)?;
    let mut parameters = BTreeMap::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').ok_or(Refusal::Malformed)?;
        let decode = |text| percent_decode_str(text).decode_utf8().map_err(|_| Refusal::Malformed);
        if parameters.insert(decode(name)?, decode(value)?).is_some() {
            return Err(Refusal::Malformed);
        }
    }
    let signature = parameters.remove("X-Amz-Signature").ok_or(Refusal::Malformed)?;
    let get = |name| parameters.get(name).map(|value| &**value).ok_or(Refusal::Malformed);
    let expect = |is_so, refusal| if is_so { Ok(()) } else { Err(refusal) };

    expect(get("Action")? == "connect", Refusal::Malformed)?;
    expect(get("X-Amz-Algorithm")? == "AWS4-HMAC-SHA256", Refusal::Malformed)?;
    expect(get("X-Amz-SignedHeaders")? == "host", Refusal::Malformed)?;
    expect(server == format!("{}:{}", policy.host, policy.port), Refusal::OtherServer)?;
    expect(get("DBUser")? == user, Refusal::OtherUser)?;
    expect(policy.users.iter().any(|allowed| allowed == user), Refusal::NotAllowed)?;

    let scope: Vec<_> = get("X-Amz-Credential")?.split('/').collect();
    let [key, day, region, "rds-db", "aws4_request"] = scope[..] else { return Err(Refusal::Malformed) };
    expect(region == policy.region, Refusal::OtherRegion)?;
    let session = parameters.get("X-Amz-Security-Token").map(|session| &**session);
    expect(key == policy.access_key && session == policy.session.as_deref(), Refusal::OtherKey)?;

    let date = get("X-Amz-Date")?;
    expect(date.starts_with(day), Refusal::Malformed)?;
    let lifetime: i64 = get("X-Amz-Expires")?.parse().map_err(|_| Refusal::Malformed)?;
    expect((1..=MAX_SECONDS).contains(&lifetime), Refusal::TooLong)?;
    let from = OffsetDateTime::parse(date, &Iso8601::PARSING).map_err(|_| Refusal::Malformed)?;
    expect(from <= now, Refusal::NotYet)?;
    expect(now < from + Duration::seconds(lifetime), Refusal::Expired)?;

    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let request = format!("GET\n/\n{}\nhost:{server}\n\nhost\n{}", query.join("&"), hex::encode(Sha256::digest("")));
    let scope = format!("{day}/{region}/rds-db/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(request)));
    let mut key = format!("AWS4{}", policy.secret_key).into_bytes();
    for part in scope.split('/') {
        key = mac(&key, part)?;
    }
    expect(hex::encode(mac(&key, &to_sign)?) == signature, Refusal::Signature)
}

fn mac(key: &[u8], text: &str) -> Result<Vec<u8>, Refusal> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Refusal::Signature)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// On a token that `generate_db_auth_token` of botocore 1.44 made at 2026-01-01 00:02:00 UTC.
#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "db.abc.eu-central-1.rds.amazonaws.com:3306/?Action=connect&DBUser=post_log_dev&\
         X-Amz-Algorithm=AWS4-HMAC-SHA256&\
         X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Feu-central-1%2Frds-db%2Faws4_request&\
         X-Amz-Date=20260101T000200Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&\
         X-Amz-Security-Token=session%2F%2B%3Dtoken&\
         X-Amz-Signature=91b39ea91461cecefe797a9b55ba104d6e89509a04ed26439c09df2030cc189e";

    fn policy() -> Policy {
        Policy {
            host: "db.abc.eu-central-1.rds.amazonaws.com".to_owned(),
            port: 3306,
            region: "eu-central-1".to_owned(),
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session: Some("session/+=token".to_owned()),
            users: vec!["post_log_dev".to_owned()],
            clock_ahead: Duration::ZERO,
        }
    }

    fn verdict(token: &str, user: &str, change: impl FnOnce(&mut Policy), after: i64) -> Result<(), Refusal> {
        let mut policy = policy();
        change(&mut policy);
        let made = OffsetDateTime::from_unix_timestamp(1_767_225_720).unwrap();
        verify_at(token, user, &policy, made + Duration::seconds(after))
    }

    #[test]
    fn the_verifier_accepts_a_token_of_botocore_for_15_minutes() {
        for (after, expected) in [(-1, Err(Refusal::NotYet)), (0, Ok(())), (899, Ok(())), (900, Err(Refusal::Expired))]
        {
            assert_eq!(verdict(TOKEN, "post_log_dev", |_| {}, after), expected, "after {after} s");
        }
    }

    #[test]
    fn the_verifier_refuses_whatever_is_changed_in_a_token() {
        let refused = |from: &str, to: &str| verdict(&TOKEN.replace(from, to), "post_log_dev", |_| {}, 1).unwrap_err();
        assert_eq!(refused("db.abc", "db.abd"), Refusal::OtherServer);
        assert_eq!(refused(":3306", ":3307"), Refusal::OtherServer);
        assert_eq!(refused("post_log_dev", "get_logs_dev"), Refusal::OtherUser);
        assert_eq!(refused("2Feu-central-1", "2Fus-east-1"), Refusal::OtherRegion);
        assert_eq!(refused("AKIDEXAMPLE", "AKIDOTHER"), Refusal::OtherKey);
        assert_eq!(refused("session%2F", "another%2F"), Refusal::OtherKey);
        assert_eq!(refused("Expires=900", "Expires=901"), Refusal::TooLong);
        assert_eq!(refused("Expires=900", "Expires=899"), Refusal::Signature);
        assert_eq!(refused("T000200Z", "T000159Z"), Refusal::Signature);
        assert_eq!(refused("189e", "189f"), Refusal::Signature);
        assert_eq!(refused("Action=connect&", ""), Refusal::Malformed);
        assert_eq!(verdict(TOKEN, "get_logs_dev", |_| {}, 1), Err(Refusal::OtherUser));
        assert_eq!(verdict(TOKEN, "post_log_dev", |policy| policy.users.clear(), 1), Err(Refusal::NotAllowed));
        let other_key = |policy: &mut Policy| policy.secret_key.push('x');
        assert_eq!(verdict(TOKEN, "post_log_dev", other_key, 1), Err(Refusal::Signature));
    }
}
