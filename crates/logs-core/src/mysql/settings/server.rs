//! `DB_HOST`, `DB_PORT`, `DB_NAME` and `DB_CA_BUNDLE`: the server, for either login.

use std::borrow::Cow;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::certificates;
use crate::settings::{Env, SettingError};

/// MySQL's port, used unless a setting or the secret names another one.
const PORT: u16 = 3306;

#[derive(Clone)]
pub(super) struct ServerSettings {
    pub(super) host: Option<String>,
    pub(super) port: u16,
    pub(super) name: Option<String>,
    certificates: Cow<'static, [u8]>,
}

impl ServerSettings {
    pub(super) fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let filled = |variable| env(variable).filter(|value| !value.is_empty());
        let invalid = |variable, expected| SettingError::Invalid { variable, expected };
        let port = match filled("DB_PORT") {
            Some(port) => port.parse().ok().filter(|port| *port > 0),
            None => Some(PORT),
        };
        let certificates = match filled("DB_CA_BUNDLE") {
            Some(path) => std::fs::read(path).ok().filter(|pem| has_certificate(pem)).map(Cow::Owned),
            None => Some(Cow::Borrowed(certificates::RDS)),
        };
        Ok(Self {
            host: filled("DB_HOST"),
            port: port.ok_or_else(|| invalid("DB_PORT", "a number from 1 to 65535"))?,
            name: filled("DB_NAME"),
            certificates: certificates
                .ok_or_else(|| invalid("DB_CA_BUNDLE", "the path of a file with certificates (PEM)"))?,
        })
    }

    /// TLS, with the server's name checked. The user is missing.
    pub(super) fn options(&self, host: &str, port: u16, name: &str) -> MySqlConnectOptions {
        MySqlConnectOptions::new()
            .host(host)
            .port(port)
            .database(name)
            .ssl_mode(MySqlSslMode::VerifyIdentity)
            .ssl_ca_from_pem(self.certificates.to_vec())
    }
}

pub(super) fn has_certificate(pem: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    pem.windows(BEGIN.len()).any(|window| window == BEGIN)
}
