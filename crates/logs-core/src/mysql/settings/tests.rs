use sqlx::ConnectOptions;
use sqlx::mysql::MySqlSslMode;

use super::server::has_certificate;
use super::*;

const ARN: (&str, &str) = ("DB_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:name-AbCdEf");

fn settings(variables: &[(&str, &str)]) -> Result<DatabaseSettings, SettingError> {
    DatabaseSettings::from_environment(&|name| {
        variables.iter().find(|variable| variable.0 == name).map(|variable| variable.1.to_owned())
    })
}

fn database(url: &str) -> Result<MySqlConnectOptions, SettingError> {
    match settings(&[("DATABASE_URL", url)])?.source() {
        Source::Url(options) => Ok((**options).clone()),
        _ => unreachable!("a URL was given"),
    }
}

/// What comes of a secret and variables beside `DB_SECRET_ARN`.
fn by_secret(json: &str, variables: &[(&str, &str)]) -> Result<MySqlConnectOptions, SettingError> {
    match settings(&[&[ARN], variables].concat())?.source() {
        Source::Secret(secret) => secret.options(&Credentials::parse(json).unwrap()),
        _ => unreachable!("a secret was given"),
    }
}

#[test]
fn without_any_setting_all_ways_are_named() {
    let expected = "DB_SECRET_ARN is not set: it must be the ARN of a secret in Secrets Manager (or set DB_PARAMETER_NAME, \
         DB_IAM_USER or DATABASE_URL instead)";
    assert_eq!(settings(&[]).unwrap_err().to_string(), expected);
}

#[test]
fn two_ways_at_once_are_a_contradiction() {
    let error = settings(&[ARN, ("DATABASE_URL", "mysql://u:hunter2@h/Error_Logs")]).unwrap_err();
    assert_eq!(error.to_string(), "DATABASE_URL and DB_SECRET_ARN are both set: remove one of them");
    let error = settings(&[&[ARN], IAM].concat()).unwrap_err();
    assert_eq!(error.to_string(), "DB_SECRET_ARN and DB_IAM_USER are both set: remove one of them");
    let error = settings(&[&[("DATABASE_URL", "mysql://h/Error_Logs")], IAM].concat()).unwrap_err();
    assert_eq!(error.to_string(), "DATABASE_URL and DB_IAM_USER are both set: remove one of them");
}

#[test]
fn a_parameter_is_a_secret_in_another_place() {
    const PARAMETER: (&str, &str) = ("DB_PARAMETER_NAME", "/error-codes/prod/database");
    let given = settings(&[PARAMETER]).unwrap();
    let Source::Secret(SecretSettings { secret, .. }) = given.source() else { unreachable!("a parameter was given") };
    assert_eq!(secret, &Secret::Parameter(PARAMETER.1.to_owned()));
    let error = settings(&[ARN, PARAMETER]).unwrap_err();
    assert_eq!(error.to_string(), "DB_SECRET_ARN and DB_PARAMETER_NAME are both set: remove one of them");
    for name in ["", "a b", "a:b", "a*"] {
        let error = settings(&[("DB_PARAMETER_NAME", name)]).unwrap_err();
        assert!(error.to_string().starts_with("DB_PARAMETER_NAME cannot be used"), "{name}: {error}");
    }
    let both = settings(&[&[PARAMETER, ("DB_LOGIN_SWITCH", "true")], IAM].concat()).unwrap();
    assert!(matches!((both.source(), both.other()), (Source::Iam(_), Some(Source::Secret(_)))));
}

const IAM: &[(&str, &str)] = &[
    ("DB_IAM_USER", "post_log_dev"),
    ("DB_HOST", "db.abc.eu-central-1.rds.amazonaws.com"),
    ("DB_NAME", "Error_Logs"),
    ("AWS_REGION", "eu-central-1"),
];

#[test]
fn a_token_is_sent_only_to_a_server_that_proves_its_name() {
    let given = settings(IAM).unwrap();
    let Source::Iam(iam) = given.source() else { unreachable!("an IAM user was given") };
    let options = iam.options("token");
    assert!(matches!(options.get_ssl_mode(), MySqlSslMode::VerifyIdentity));
    assert_eq!((options.get_host(), options.get_port()), ("db.abc.eu-central-1.rds.amazonaws.com", 3306));
    assert_eq!((options.get_username(), options.get_database()), ("post_log_dev", Some("Error_Logs")));
    assert!(given.other().is_none());
}

#[test]
fn an_iam_user_needs_a_name_a_host_a_database_and_a_region() {
    for missing in ["DB_HOST", "DB_NAME", "AWS_REGION"] {
        let variables: Vec<_> = IAM.iter().filter(|variable| variable.0 != missing).copied().collect();
        let error = settings(&variables).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{missing} is not set")), "{error}");
    }
    for name in ["", "a b", "a'b", "a/b", "a*", "abcdefghijklmnopqrstuvwxyz1234567"] {
        let error = settings(&[&[("DB_IAM_USER", name)], &IAM[1..]].concat()).unwrap_err();
        assert!(error.to_string().starts_with("DB_IAM_USER cannot be used"), "{name}: {error}");
    }
}

#[test]
fn while_the_login_is_switched_the_secret_comes_second() {
    let both = settings(&[&[ARN, ("DB_LOGIN_SWITCH", "true")], IAM].concat()).unwrap();
    assert!(matches!((both.source(), both.other()), (Source::Iam(_), Some(Source::Secret(_)))));
    let error = settings(&[&[ARN, ("DB_LOGIN_SWITCH", "yes")], IAM].concat()).unwrap_err();
    assert_eq!(error.to_string(), "DB_LOGIN_SWITCH cannot be used: it must be true or false");
}

#[test]
fn what_the_secret_does_not_hold_comes_from_the_environment() {
    let json = r#"{"username":"writer","password":"p"}"#;
    let options = by_secret(json, &[("DB_HOST", "db"), ("DB_PORT", "3307"), ("DB_NAME", "Error_Logs")]).unwrap();
    assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("db", 3307, "writer"));
    assert_eq!(options.get_database(), Some("Error_Logs"));
    assert_eq!(by_secret(json, &[("DB_HOST", "db"), ("DB_NAME", "x")]).unwrap().get_port(), 3306);
}

#[test]
fn what_the_secret_holds_counts() {
    let json = r#"{"USER":"writer","PASS":"p","HOST":"right","PORT":3307,"DBNAME":"Right"}"#;
    let options = by_secret(json, &[("DB_HOST", "wrong"), ("DB_PORT", "1"), ("DB_NAME", "Wrong")]).unwrap();
    assert_eq!((options.get_host(), options.get_port(), options.get_database()), ("right", 3307, Some("Right")));
}

#[test]
fn with_a_secret_the_server_must_prove_its_name() {
    let options = by_secret(r#"{"USER":"u","PASS":"p","HOST":"h","DBNAME":"d"}"#, &[]).unwrap();
    assert!(matches!(options.get_ssl_mode(), MySqlSslMode::VerifyIdentity));
}

#[test]
fn what_neither_the_secret_nor_a_setting_says_is_named() {
    for (json, variable) in
        [(r#"{"USER":"u","PASS":"p","DBNAME":"d"}"#, "DB_HOST"), (r#"{"USER":"u","PASS":"p","HOST":"h"}"#, "DB_NAME")]
    {
        let error = by_secret(json, &[]).unwrap_err();
        assert!(matches!(error, SettingError::Missing { variable: named, .. } if named == variable), "{error}");
    }
}

#[test]
fn what_goes_with_a_secret_is_checked_at_start() {
    for (variable, value) in [
        ("DB_PORT", "0"),
        ("DB_PORT", "65536"),
        ("DB_PORT", "mysql"),
        ("DB_CA_BUNDLE", "/nowhere/at/all.pem"),
        ("DB_SECRET_ARN", ""),
        ("DB_SECRET_ARN", "two words"),
    ] {
        let error = settings(&[(variable, value), ARN]).unwrap_err();
        assert!(matches!(error, SettingError::Invalid { variable: named, .. } if named == variable), "{error}");
    }
}

#[test]
fn a_database_url_says_where_and_who() {
    let options = database("mysql://writer:secret@db.example.com:3307/Error_Logs").unwrap();
    assert_eq!(options.get_host(), "db.example.com");
    assert_eq!(options.get_port(), 3307);
    assert_eq!(options.get_username(), "writer");
    assert_eq!(options.get_database(), Some("Error_Logs"));
    assert_eq!(options.to_url_lossy().password(), Some("secret"));
}

#[test]
fn the_port_of_a_database_url_is_3306_unless_it_says_otherwise() {
    for url in ["mysql://u:p@h/Error_Logs", "mariadb://u:p@h/Error_Logs"] {
        assert_eq!(database(url).unwrap().get_port(), 3306);
    }
}

#[test]
fn odd_characters_in_a_database_url_are_percent_encoded() {
    let options = database("mysql://a%40b:p%2Fw%23@h/Error%20Logs").unwrap();
    assert_eq!(options.get_username(), "a@b");
    assert_eq!(options.get_database(), Some("Error Logs"));
    assert_eq!(options.to_url_lossy().password(), Some("p%2Fw%23"));
}

#[test]
fn a_database_url_can_ask_for_verified_tls() {
    let options = database("mysql://u:p@h/Error_Logs?ssl-mode=VERIFY_IDENTITY").unwrap();
    assert!(matches!(options.get_ssl_mode(), MySqlSslMode::VerifyIdentity));
}

#[test]
fn a_database_url_that_cannot_be_used_is_refused_without_being_shown() {
    for url in [
        "",
        "hunter2",
        "postgres://u:hunter2@h/Error_Logs",
        "MYSQL:u:hunter2@h/Error_Logs",
        "mysql://",
        "mysql://u:hunter2@h",
        "mysql://u:hunter2@h/",
        "mysql://u:hunter2@h:port/Error_Logs",
        "mysql://u:hunter2@h:65536/Error_Logs",
        "mysql://u:hunter2@h h/Error_Logs",
        "mysql://u:hunter2@h/%ff",
        "mysql://u:%ff@h/Error_Logs",
        "mysql://u:hunter2@h/Error_Logs?ssl-mode=hunter2",
    ] {
        let error = database(url).unwrap_err();
        assert!(matches!(error, SettingError::Invalid { variable: "DATABASE_URL", .. }), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[cfg(feature = "migrate")]
#[test]
fn a_setting_that_contradicts_the_secret_is_named() {
    let contradiction =
        |json: &str, variables: &[(&str, &str)]| match settings(&[&[ARN], variables].concat()).unwrap().source() {
            Source::Secret(secret) => secret.contradiction(&Credentials::parse(json).unwrap()),
            _ => unreachable!("a secret was given"),
        };
    let whole = r#"{"username":"u","password":"p","host":"db","port":3307,"dbname":"Error_Logs"}"#;
    let alike = [("DB_HOST", "DB"), ("DB_PORT", "3307"), ("DB_NAME", "Error_Logs")];
    assert_eq!(contradiction(whole, &alike), None);
    for (variable, other) in [("DB_HOST", "elsewhere"), ("DB_PORT", "3306"), ("DB_NAME", "error_logs")] {
        let differing = alike.map(|(name, value)| if name == variable { (name, other) } else { (name, value) });
        assert_eq!(contradiction(whole, &differing), Some(variable));
    }
    assert_eq!(contradiction(r#"{"username":"u","password":"p"}"#, &alike), None);
    assert_eq!(contradiction(whole, &alike[1..2]), None);
}

#[test]
fn a_bundle_without_a_certificate_is_refused() {
    assert!(has_certificate(b"# roots\n-----BEGIN CERTIFICATE-----\nMII="));
    for other in [&b""[..], b"-----BEGIN CERTIFICATE----", b"-----BEGIN PRIVATE KEY-----\nMII="] {
        assert!(!has_certificate(other), "{}", String::from_utf8_lossy(other));
    }
}
