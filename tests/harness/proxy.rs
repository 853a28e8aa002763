//! A way to a test's database that breaks at a chosen point.

use std::net::Ipv4Addr;

pub(crate) use local::proxy::{Cut, Proxy};
use sqlx::mysql::MySqlConnectOptions;

use super::Database;

/// The URL of the same database past a proxy.
pub(crate) async fn proxy_before(database: &Database) -> (String, Proxy) {
    let url: MySqlConnectOptions = database.url.parse().expect("the URL is one");
    let proxy = start_proxy((Ipv4Addr::LOCALHOST, 0), url.get_port()).await;
    (database.url.replacen(&format!(":{}/", url.get_port()), &format!(":{}/", proxy.port), 1), proxy)
}

/// From this address to that port; port 0 is any.
pub(crate) async fn start_proxy(address: (Ipv4Addr, u16), server: u16) -> Proxy {
    Proxy::start(address, Ipv4Addr::LOCALHOST, server).await.expect("the address can be had")
}
