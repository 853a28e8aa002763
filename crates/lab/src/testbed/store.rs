//! The private store of one run, on either engine.

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use local::fault_proxy::FaultProxy;
use local::processes::signal;
use nix::sys::signal::Signal;

use super::mysql::MySql;
use super::stored::Stored;
use super::table::Table;
use super::{boxed, wait_until};
use crate::error::LabError;

/// How long connections of functions that ended may stay open.
const QUIET_LIMIT: Duration = Duration::from_secs(30);

/// A store, by its name on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreName {
    #[default]
    Mysql,
    Dynamodb,
}

pub(crate) enum Store {
    MySql(MySql),
    DynamoDb(Table),
}

impl StoreName {
    /// The command line option, unless it is the default.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Mysql => "",
            Self::Dynamodb => " --store dynamodb",
        }
    }
}

impl Store {
    /// `tls` and `options` are for MySQL's server.
    pub(super) async fn start(name: StoreName, folder: &Path, tls: bool, options: &[String]) -> Result<Self, LabError> {
        Ok(match name {
            StoreName::Mysql => Self::MySql(MySql::start(folder, tls, options).await?),
            StoreName::Dynamodb => Self::DynamoDb(boxed(Table::start(folder)).await?),
        })
    }

    pub(crate) fn kind(&self) -> StoreName {
        match self {
            Self::MySql(_) => StoreName::Mysql,
            Self::DynamoDb(_) => StoreName::Dynamodb,
        }
    }

    /// Engine and version of the server.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::MySql(mysql) => &mysql.name,
            Self::DynamoDb(table) => &table.server_name,
        }
    }

    /// The settings of a function on this store.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        self.settings_through(match self {
            Self::MySql(mysql) => mysql.server.port(),
            Self::DynamoDb(table) => table.server.port(),
        })
    }

    /// The same, through a proxy that listens on `port` and forwards to [`Store::attacked_port`].
    pub(crate) fn settings_through(&self, port: u16) -> Vec<(&'static str, String)> {
        match self {
            Self::MySql(mysql) => vec![("DATABASE_URL", mysql.url(port))],
            Self::DynamoDb(table) => Table::settings(&table.name(), port),
        }
    }

    /// Where to put a proxy that breaks connections: before the server, or before the proxy that throttles DynamoDB.
    pub(crate) fn attacked_port(&self) -> u16 {
        match self {
            Self::MySql(mysql) => mysql.server.port(),
            Self::DynamoDb(table) => table.faults.port,
        }
    }

    /// An error on DynamoDB.
    pub(crate) fn mysql(&self) -> Result<&MySql, LabError> {
        match self {
            Self::MySql(mysql) => Ok(mysql),
            Self::DynamoDb(_) => Err("DynamoDB has nothing like that; leave out --store dynamodb".into()),
        }
    }

    /// The proxy that throttles DynamoDB; an error on MySQL.
    pub(crate) fn faults(&self) -> Result<&FaultProxy, LabError> {
        match self {
            Self::DynamoDb(table) => Ok(&table.faults),
            Self::MySql(_) => Err("MySQL has nothing like that; add --store dynamodb".into()),
        }
    }

    /// Reads all stored codes, around the functions and the proxies.
    pub(crate) async fn stored(&self) -> Result<Stored, LabError> {
        Ok(match self {
            Self::MySql(mysql) => Stored::MySql(mysql.administrator().await?),
            Self::DynamoDb(table) => Stored::DynamoDb(table.store()?),
        })
    }

    /// Empties the tables. On DynamoDB it takes a new table; running functions keep theirs.
    pub(crate) async fn clear(&self) -> Result<(), LabError> {
        match self {
            Self::MySql(mysql) => mysql.administrator().await?.empty_tables().await,
            Self::DynamoDb(table) => boxed(table.take_new_table()).await,
        }
    }

    /// Waits until no function is connected: their last statements have happened, or never will.
    pub(crate) async fn wait_until_quiet(&self) -> Result<(), LabError> {
        let failure = "the database still has connections of functions that ended long ago";
        match self {
            Self::MySql(mysql) => {
                let mut database = mysql.administrator().await?;
                wait_until(QUIET_LIMIT, failure, async || database.is_quiet().await).await
            }
            Self::DynamoDb(table) => wait_until(QUIET_LIMIT, failure, async || Ok(table.faults.is_quiet())).await,
        }
    }

    pub(crate) fn process_id(&self) -> Result<u32, LabError> {
        let id = match self {
            Self::MySql(mysql) => mysql.server.process_id(),
            Self::DynamoDb(table) => table.server.process_id(),
        };
        id.ok_or_else(|| "the database server has no process".into())
    }

    /// Sends the server a signal that ends it, and waits until it has exited.
    pub(crate) async fn end(&mut self, wanted: Signal) -> Result<(), LabError> {
        signal(self.process_id()?, wanted)?;
        match self {
            Self::MySql(mysql) => mysql.server.ended().await,
            Self::DynamoDb(table) => table.server.ended().await,
        }
        Ok(())
    }

    /// Starts it again, with its data and on the same port.
    pub(crate) async fn restart(&mut self) -> Result<(), LabError> {
        match self {
            Self::MySql(mysql) => mysql.server.restart().await?,
            Self::DynamoDb(table) => table.server.restart().await?,
        }
        Ok(())
    }

    /// kill -9, which is fast: the data is of no more use.
    pub(super) async fn kill(&mut self) {
        let _ = self.end(Signal::SIGKILL).await;
    }
}
