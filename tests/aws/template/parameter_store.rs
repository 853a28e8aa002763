//! The administrator's login in Parameter Store, in place of Secrets Manager.

use serde_json::{Value, json};

use crate::harness::{EXISTING, Project, RESOURCE_ID, Template};

const NAME: &str = "databaseParameterName=/error-codes/prod/database";
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";
const ARN: &str = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/error-codes/prod/database";

/// Packaged for an existing database without `databaseSecretArn`.
fn package(more: &[&str]) -> Result<Template, String> {
    let of_existing = EXISTING.into_iter().filter(|each| !each.starts_with("databaseSecretArn"));
    Project::copy().package("prod", &of_existing.chain(more.iter().copied()).collect::<Vec<_>>())
}

/// What the role of migrate allows for the logins.
fn rights(template: &Template) -> Value {
    let policy = &template.properties("MigrateRole")["Policies"][0];
    assert_eq!(policy["PolicyName"], "database-login");
    policy["PolicyDocument"]["Statement"].clone()
}

fn read() -> Value {
    json!({ "Sid": "Parameter", "Effect": "Allow", "Action": "ssm:GetParameter", "Resource": { "Fn::Sub": ARN } })
}

#[test]
fn migrate_alone_reads_exactly_this_parameter_and_with_iam_no_secret_at_all() {
    let template = package(&[NAME, "databaseLogin=iam", RESOURCE_ID]).expect("it can be packaged");
    assert_eq!(rights(&template), json!([read()]));
    let variables = &template.properties("MigrateLambdaFunction")["Environment"]["Variables"];
    assert_eq!(variables["DB_PARAMETER_NAME"], "/error-codes/prod/database");
    assert_eq!(variables.get("DB_SECRET_ARN"), None);
    assert_eq!(template.json["Outputs"]["AdminLogin"]["Value"], "/error-codes/prod/database");
    let text = template.json.to_string();
    assert!(!text.contains("secretsmanager"), "nothing reads a secret");
    assert_eq!(text.matches("ssm:GetParameter").count(), 1);
}

#[test]
fn a_key_of_the_customer_decrypts_this_parameter_alone() {
    let key = format!("databaseParameterKeyArn={KEY}");
    let template = package(&[NAME, &key]).expect("it can be packaged");
    let context = json!({ "StringEquals": { "kms:EncryptionContext:PARAMETER_ARN": { "Fn::Sub": ARN } } });
    let decrypt = json!({
        "Sid": "ParameterKey", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY, "Condition": context,
    });
    let secrets = ["PostLogSecret", "GetLogsSecret", "RetentionSecret", "SummarizeSecret"];
    let secrets = secrets.map(|id| json!({ "Ref": id }));
    let secrets = json!({
        "Sid": "Secrets", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secrets,
    });
    assert_eq!(
        rights(&template),
        json!([secrets, read(), decrypt]),
        "the functions' own passwords stay where they are"
    );
}

#[test]
fn a_login_in_two_places_and_a_key_without_a_parameter_are_refused() {
    let key = format!("databaseParameterKeyArn={KEY}");
    for (more, sentence) in [
        (&[NAME, EXISTING[2]][..], "databaseSecretArn and databaseParameterName: give one of them."),
        (&[EXISTING[2], &key], "databaseParameterKeyArn is for databaseParameterName."),
        (
            &["databaseParameterName=/error-codes/*"],
            "databaseParameterName must be the name of a SecureString in Parameter Store, like \
             /error-codes/prod/database, not \"/error-codes/*\".",
        ),
        (&[NAME, "databaseParameterKeyArn=*"], "databaseParameterKeyArn must be a KMS key's whole ARN, not \"*\"."),
    ] {
        let message = package(more).err().expect("it is refused");
        assert!(message.contains(&format!("errored with: {sentence}\n")), "{message}");
    }
    let message = Project::copy().package("prod", &[NAME]).err().expect("it is refused");
    assert!(message.contains("databaseParameterName is for database=existing, and database is created."), "{message}");
}
