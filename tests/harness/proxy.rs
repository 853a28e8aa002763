//! A proxy before a test's database, which breaks at a chosen point.

use std::net::Ipv4Addr;

pub(crate) use local::proxy::{Cut, Proxy};
use sqlx::mysql::MySqlConnectOptions;

use super::Database;

/// Starts a proxy. Returns the URL of the same database behind it.
pub(crate) async fn proxy_before(database: &Database) -> (String, Proxy) {
    let url: MySqlConnectOptions = database.url.parse().expect("the URL is one");
    let proxy = start_proxy((Ipv4Addr::LOCALHOST, 0), url.get_port()).await;
    (database.url.replacen(&format!(":{}/", url.get_port()), &format!(":{}/", proxy.port), 1), proxy)
}

/// Starts a proxy from this address to that port. Port 0 stands for any free one.
pub(crate) async fn start_proxy(address: (Ipv4Addr, u16), server: u16) -> Proxy {
    Proxy::start(address, Ipv4Addr::LOCALHOST, server).await.expect("the address can be had")
}
