//! The packets of a login in MySQL's protocol.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets.html>

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Capabilities, by their names in the protocol.
pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
const COMPRESS: u32 = 1 << 5;
pub(super) const SSL: u32 = 1 << 11;
pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
pub(super) const PLUGIN_AUTH: u32 = 1 << 19;
pub(super) const CONNECT_ATTRS: u32 = 1 << 20;
pub(super) const PLUGIN_AUTH_LENENC: u32 = 1 << 21;

pub(super) struct Packet {
    pub(super) sequence: u8,
    pub(super) payload: Vec<u8>,
}

impl Packet {
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let head = stream.read_u32_le().await?;
        let [low, middle, high, sequence] = head.to_le_bytes();
        let mut payload = vec![0; u32::from_le_bytes([low, middle, high, 0]) as usize];
        stream.read_exact(&mut payload).await?;
        Ok(Self { sequence, payload })
    }

    pub(super) async fn write(&self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let length = u32::try_from(self.payload.len()).map_err(io::Error::other)?.to_le_bytes();
        let head = [length[0], length[1], length[2], self.sequence];
        stream.write_all(&[&head[..], &self.payload].concat()).await?;
        stream.flush().await
    }
}

/// The server's first packet.
pub(super) struct Greeting {
    payload: Vec<u8>,
    /// The offset of the lower half of the capabilities.
    capabilities: usize,
    /// 20 bytes.
    pub(super) nonce: Vec<u8>,
    pub(super) plugin: String,
}

impl Greeting {
    pub(super) fn parse(payload: &[u8]) -> Self {
        // Protocol version, server version, connection id, 8 bytes of the nonce, 0.
        let id = 1 + until_zero(&payload[1..]).len() + 1;
        let capabilities = id + 4 + 8 + 1;
        // Lower capabilities, character set, status, upper capabilities, the nonce's length, 10 reserved bytes.
        let rest = capabilities + 2 + 1 + 2 + 2 + 1 + 10;
        let nonce = [&payload[id + 4..id + 12], &payload[rest..rest + 12]].concat();
        let plugin = String::from_utf8_lossy(until_zero(&payload[rest + 13..])).into_owned();
        Self { payload: payload.to_vec(), capabilities, nonce, plugin }
    }

    /// The greeting for the client: with or without TLS, and without capabilities that would change the bytes after the login.
    pub(super) fn for_client(&self, has_tls: bool) -> Vec<u8> {
        let mut payload = self.payload.clone();
        let at = self.capabilities;
        let mut lower = u16::from_le_bytes([payload[at], payload[at + 1]]);
        lower &= !u16::try_from(COMPRESS | SSL).unwrap_or_default();
        if has_tls {
            lower |= u16::try_from(SSL).unwrap_or_default();
        }
        payload[at..at + 2].copy_from_slice(&lower.to_le_bytes());
        // MariaDB's own capabilities are in the reserved bytes.
        payload[at + 8..at + 18].fill(0);
        payload
    }
}

/// The client's answer.
pub(super) struct Login {
    pub(super) capabilities: u32,
    /// Capabilities, the maximum packet size, the character set, reserved bytes.
    pub(super) head: [u8; 32],
    pub(super) user: String,
    pub(super) database: Option<String>,
}

impl Login {
    /// A client that wants TLS first sends only the head.
    pub(super) fn asks_for_tls(payload: &[u8]) -> bool {
        payload.len() == 32 && capabilities(payload) & SSL != 0
    }

    /// `None` if the packet is too short.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let capabilities = capabilities(payload);
        let (head, rest) = payload.split_first_chunk()?;
        let user = until_zero(rest);
        let rest = &rest[user.len() + 1..];
        // The scrambled password, which is never longer than 250 bytes here.
        let rest = &rest[1 + usize::from(rest[0])..];
        let database = (capabilities & CONNECT_WITH_DB != 0).then(|| text(until_zero(rest)));
        Some(Self { capabilities, head: *head, user: text(user), database })
    }
}

/// `AuthSwitchRequest`: "send the password as it is".
pub(super) fn switch_to_clear_password(sequence: u8) -> Packet {
    Packet { sequence, payload: b"\xfemysql_clear_password\0".to_vec() }
}

/// `ERR`, as RDS answers to an invalid token.
pub(super) fn access_denied(sequence: u8, user: &str) -> Packet {
    let message = format!("#28000Access denied for user '{user}'@'127.0.0.1' (using password: YES)");
    Packet { sequence, payload: [&[0xff], &1045_u16.to_le_bytes()[..], message.as_bytes()].concat() }
}

fn capabilities(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
