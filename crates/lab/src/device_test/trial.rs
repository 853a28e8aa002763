//! One client in one scenario.

use std::path::PathBuf;
use std::time::Duration;

use logs_core::clock;

use crate::codes::{Code, lines};
use crate::device_test::Options;
use crate::device_test::client::Client;
use crate::device_test::gateway::MisbehavingGateway;
use crate::device_test::judge;
use crate::device_test::scenario::{FOREIGN_REFUSAL, Fate, Needs, SLOW, SLOWEST, Scenario, WRONG_KEY};
use crate::device_test::wrong_certificate::WrongCertificate;
use crate::error::LabError;
use crate::testbed::{Service, Testbed};

/// How long to watch a client that may try rarely: with a wrong API key, a wrong certificate, or the page of a proxy.
const WATCH: Duration = Duration::from_secs(8);

pub(super) struct Trial<'a> {
    pub(super) options: &'a Options,
    pub(super) scenario: &'a Scenario,
    pub(super) testbed: &'a Testbed,
    pub(super) service: &'a Service,
    /// Unique among the trials.
    pub(super) number: usize,
}

impl Trial<'_> {
    /// Returns the rules that the client has broken.
    pub(super) async fn run(&self) -> Result<Vec<String>, LabError> {
        let state = self.state();
        std::fs::create_dir(&state)?;
        let timestamp = clock::unix_seconds();
        // Each code has its own `err`.
        let code = |err| Code { device_id: self.device_id(), err, timestamp };
        let codes = lines(&(0..self.options.codes).map(code).collect::<Vec<_>>());
        let slow = if self.options.thorough { SLOWEST } else { SLOW };
        let gateway = MisbehavingGateway::start(&self.service.url, self.scenario.fates, slow).await?;
        if self.scenario.needs == Needs::Tls {
            self.with_wrong_certificate(&gateway, &codes).await
        } else {
            let client = self.start(&gateway.url, &codes)?;
            let client = self.restarted(client, &gateway).await?;
            self.judged(client, &gateway).await
        }
    }

    /// Restarts the client, in the scenarios that do so, after it met the fate.
    async fn restarted(&self, mut client: Client, gateway: &MisbehavingGateway) -> Result<Client, LabError> {
        match self.scenario.fates.first() {
            Some(Fate::KilledBefore | Fate::KilledAfter) => {
                // A client that never sends is judged by its lost codes.
                tokio::select! {
                    () = gateway.kill() => {}
                    _ = client.ended(self.limit()) => {}
                }
                client.kill().await;
            }
            Some(&(WRONG_KEY | FOREIGN_REFUSAL)) if !self.options.without_storage => {
                client.ended(WATCH).await;
                client.stop().await;
                gateway.behave();
            }
            _ => return Ok(client),
        }
        self.start(&gateway.url, "")
    }

    /// Waits until the client has ended, and judges it.
    async fn judged(&self, mut client: Client, gateway: &MisbehavingGateway) -> Result<Vec<String>, LabError> {
        let mut broken = Vec::new();
        if !client.ended(self.limit()).await {
            broken.push(format!("it had not ended after {} s", self.options.seconds));
        }
        client.kill().await;
        if gateway.was_followed() {
            broken.push("it followed a redirect".to_owned());
        }
        let stored = self.testbed.store.mysql()?.administrator().await?.codes_of(&self.device_id()).await?;
        broken.extend(judge::broken_rules(self.scenario, self.options.codes, &gateway.arrivals(), &stored));
        Ok(broken)
    }

    /// Starts the client with a server that has a wrong certificate. A client with storage is then restarted with the right
    /// URL, and must deliver the codes.
    async fn with_wrong_certificate(&self, gateway: &MisbehavingGateway, codes: &str) -> Result<Vec<String>, LabError> {
        let server = WrongCertificate::start().await?;
        let mut client = self.start(&server.url, codes)?;
        client.ended(WATCH).await;
        client.stop().await;
        let mut broken = Vec::new();
        if server.was_trusted() {
            broken.push("it sent its API key to a server with a wrong certificate".to_owned());
        }
        if !server.was_tried() {
            broken.push("the scenario was not met: it never began a TLS handshake".to_owned());
        }
        if !self.options.without_storage {
            let client = self.start(&gateway.url, "")?;
            broken.extend(self.judged(client, gateway).await?);
        }
        Ok(broken)
    }

    fn start(&self, url: &str, codes: &str) -> Result<Client, LabError> {
        Client::start(&self.options.command, url, &self.service.api_key, &self.state(), codes)
    }

    fn state(&self) -> PathBuf {
        self.testbed.folder().join(format!("client-{}", self.number))
    }

    fn device_id(&self) -> String {
        format!("device-test-{}", self.number)
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.options.seconds)
    }
}
