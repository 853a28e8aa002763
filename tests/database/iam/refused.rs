//! Tokens that RDS would refuse, and servers that get none.

use local::iam_server::Refusal;
use time::Duration;

use super::{Rds, expect_out_of_reach};

#[tokio::test]
async fn a_token_for_another_name_of_the_same_server_is_refused() {
    let rds = Rds::open_with(|options| options.policy.host = "db.abc.eu-central-1.rds.amazonaws.com".to_owned()).await;
    rds.expect_refused(&[], Refusal::OtherServer).await;
    rds.account.server.stop().await;
}

#[tokio::test]
async fn a_token_as_a_user_that_the_role_may_not_be_is_refused() {
    let rds = Rds::open_with(|options| options.policy.users.retain(|user| user != "get_logs_dev")).await;
    rds.expect_refused(&[("DB_IAM_USER", "get_logs_dev")], Refusal::NotAllowed).await;
    rds.account.server.stop().await;
}

#[tokio::test]
async fn a_token_of_another_region_is_refused() {
    let rds = Rds::open().await;
    rds.expect_refused(&[("AWS_REGION", "us-east-1")], Refusal::OtherRegion).await;
    rds.account.server.stop().await;
}

#[tokio::test]
async fn a_token_that_has_expired_or_is_not_good_yet_is_refused() {
    for (clock_ahead, refusal) in
        [(Duration::seconds(601), Refusal::Expired), (Duration::seconds(-420), Refusal::NotYet)]
    {
        let rds = Rds::open_with(|options| options.policy.clock_ahead = clock_ahead).await;
        rds.expect_refused(&[], refusal).await;
        rds.account.server.stop().await;
    }
}

#[tokio::test]
async fn a_token_that_is_signed_with_another_key_is_refused() {
    let rds = Rds::open().await;
    rds.expect_refused(&[("AWS_SECRET_ACCESS_KEY", "another")], Refusal::Signature).await;
    rds.account.server.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_no_token() {
    let rds = Rds::open().await;
    // The certificate is for localhost.
    let function = rds.function("post-log", &[("DB_HOST", "127.0.0.1")]);
    expect_out_of_reach(&function, "not valid for name").await;
    // Nobody vouches for the certificate.
    let function = rds.function("post-log", &[("DB_CA_BUNDLE", "")]);
    expect_out_of_reach(&function, "UnknownIssuer").await;
    assert_eq!(rds.server.verdicts(), []);
    rds.account.server.stop().await;
}

#[tokio::test]
async fn a_server_without_tls_gets_no_token() {
    let rds = Rds::open_with(|options| options.tls = None).await;
    let function = rds.function("post-log", &[]);
    expect_out_of_reach(&function, "server does not support TLS").await;
    assert_eq!(rds.server.verdicts(), []);
    rds.account.server.stop().await;
}

#[tokio::test]
async fn without_aws_credentials_there_is_no_token_and_the_log_says_why() {
    let rds = Rds::open().await;
    let function = rds.function("post-log", &[("AWS_ACCESS_KEY_ID", "")]);
    expect_out_of_reach(&function, "the environment has no AWS credentials").await;
    assert_eq!(rds.server.verdicts(), []);
    rds.account.server.stop().await;
}
