//! Logs in to the real server by a password, in the ways of MariaDB and of MySQL.

use std::io;

use sha1::{Digest as _, Sha1};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;

use super::packet::{
    CONNECT_ATTRS, Greeting, Login, PLUGIN_AUTH, PLUGIN_AUTH_LENENC, Packet, SECURE_CONNECTION, SSL, until_zero,
};

/// Logs in as the client's user and with the client's capabilities, so that everything afterwards can be passed on as it is.
/// Returns the server's last packet, `OK` or `ERR`.
pub(super) async fn log_in(
    server: &mut TcpStream,
    greeting: &Greeting,
    login: &Login,
    password: &str,
) -> io::Result<Vec<u8>> {
    let capabilities =
        login.capabilities & !(SSL | CONNECT_ATTRS | PLUGIN_AUTH_LENENC) | SECURE_CONNECTION | PLUGIN_AUTH;
    let scrambled = scramble(&greeting.plugin, password, &greeting.nonce)?;
    let mut payload = [&capabilities.to_le_bytes()[..], &login.head[4..], login.user.as_bytes(), b"\0"].concat();
    payload.push(u8::try_from(scrambled.len()).map_err(io::Error::other)?);
    payload.extend(scrambled);
    if let Some(database) = &login.database {
        payload.extend([database.as_bytes(), b"\0"].concat());
    }
    payload.extend([greeting.plugin.as_bytes(), b"\0"].concat());
    Packet { sequence: 1, payload }.write(server).await?;
    loop {
        let Packet { sequence, payload } = Packet::read(server).await?;
        match payload[..] {
            [0x00 | 0xff, ..] => return Ok(payload),
            // caching_sha2_password: the server has the password in its cache, and sends OK next.
            [0x01, 0x03, ..] => {}
            // The server switches to another plugin, with a new nonce.
            [0xfe, ref rest @ ..] => {
                let plugin = until_zero(rest);
                let nonce = &rest[plugin.len() + 1..][..20];
                let payload = scramble(&String::from_utf8_lossy(plugin), password, nonce)?;
                Packet { sequence: sequence + 1, payload }.write(server).await?;
            }
            _ => return Err(io::Error::other("log in once over TLS before: MySQL then keeps the password's hash")),
        }
    }
}

fn scramble(plugin: &str, password: &str, nonce: &[u8]) -> io::Result<Vec<u8>> {
    let xor = |left: &[u8], right: &[u8]| left.iter().zip(right).map(|(left, right)| left ^ right).collect();
    match plugin {
        "mysql_native_password" => {
            let once = Sha1::digest(password);
            let mixed = Sha1::new().chain_update(nonce).chain_update(Sha1::digest(once)).finalize();
            Ok(xor(&once, &mixed))
        }
        "caching_sha2_password" => {
            let once = Sha256::digest(password);
            let mixed = Sha256::new().chain_update(Sha256::digest(once)).chain_update(nonce).finalize();
            Ok(xor(&once, &mixed))
        }
        _ => Err(io::Error::other(format!("the server asks for {plugin}"))),
    }
}
