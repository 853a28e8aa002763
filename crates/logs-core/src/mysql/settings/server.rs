//! `DB_HOST`, `DB_PORT`, `DB_NAME` and `DB_CA_BUNDLE`: the server, for either login.

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
    /// Trusted instead of RDS's roots.
    own_certificates: Option<Vec<u8>>,
}

impl ServerSettings {
    pub(super) fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let filled = |variable| env(variable).filter(|value| !value.is_empty());
        let invalid = |variable, expected| SettingError::Invalid { variable, expected };
        let port = match filled("DB_PORT") {
            Some(port) => port.parse().ok().filter(|port| *port > 0),
            None => Some(PORT),
        };
        let read = |path| std::fs::read(path).ok().filter(|pem| has_certificate(pem));
        let no_certificate = || invalid("DB_CA_BUNDLE", "the path of a file with certificates (PEM)");
        Ok(Self {
            host: filled("DB_HOST"),
            port: port.ok_or_else(|| invalid("DB_PORT", "a number from 1 to 65535"))?,
            name: filled("DB_NAME"),
            own_certificates: filled("DB_CA_BUNDLE").map(|path| read(path).ok_or_else(no_certificate)).transpose()?,
        })
    }

    /// TLS, with the server's name checked. The user is missing.
    pub(super) fn options(&self, host: &str, port: u16, name: &str) -> MySqlConnectOptions {
        let certificates = self.own_certificates.clone().unwrap_or_else(|| certificates::rds(host));
        MySqlConnectOptions::new()
            .host(host)
            .port(port)
            .database(name)
            .ssl_mode(MySqlSslMode::VerifyIdentity)
            .ssl_ca_from_pem(certificates)
    }
}

pub(super) fn has_certificate(pem: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    pem.windows(BEGIN.len()).any(|window| window == BEGIN)
}
