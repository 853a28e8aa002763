//! The store behind the functions, started for one run: one of two engines.

use std::path::Path;
use std::pin::Pin;

use clap::ValueEnum;
use local::fault_proxy::FaultProxy;
use local::processes::signal;
use nix::sys::signal::Signal;

use super::mysql::MySql;
use super::quiet;
use super::stored::Stored;
use super::table::Table;
use crate::error::LabError;

/// A store by its name on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreName {
    #[default]
    Mysql,
    Dynamodb,
}

/// The server, and what the functions need to find it.
pub(crate) enum Store {
    MySql(MySql),
    DynamoDb(Table),
}

impl StoreName {
    /// As an option, where it is not the default.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Mysql => "",
            Self::Dynamodb => " --store dynamodb",
        }
    }
}

impl Store {
    /// `options` are for MySQL's server.
    pub(super) async fn start(name: StoreName, folder: &Path, tls: bool, options: &[String]) -> Result<Self, LabError> {
        Ok(match name {
            StoreName::Mysql => Self::MySql(MySql::start(folder, tls, options).await?),
            StoreName::Dynamodb => {
                // Boxed to keep the SDK's large types out of every caller's future.
                let table: Pin<Box<dyn Future<Output = Result<Table, LabError>> + '_>> = Box::pin(Table::start(folder));
                Self::DynamoDb(table.await?)
            }
        })
    }

    pub(crate) fn kind(&self) -> StoreName {
        match self {
            Self::MySql(_) => StoreName::Mysql,
            Self::DynamoDb(_) => StoreName::Dynamodb,
        }
    }

    /// Flavour and version of the server.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::MySql(mysql) => &mysql.name,
            Self::DynamoDb(table) => &table.server_name,
        }
    }

    /// What a function needs to find it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        self.settings_by_way_of(match self {
            Self::MySql(mysql) => mysql.server.port(),
            Self::DynamoDb(table) => table.server.port(),
        })
    }

    /// The same past a proxy on this port, which is before [`Store::way_in`].
    pub(crate) fn settings_by_way_of(&self, port: u16) -> Vec<(&'static str, String)> {
        match self {
            Self::MySql(mysql) => mysql.settings_by_way_of(port),
            Self::DynamoDb(table) => Table::settings(&table.name(), port),
        }
    }

    /// The port on which it can be attacked: the server, or the way to it that can throttle.
    pub(crate) fn way_in(&self) -> u16 {
        match self {
            Self::MySql(mysql) => mysql.server.port(),
            Self::DynamoDb(table) => table.faults.port,
        }
    }

    /// For what only a database has.
    pub(crate) fn mysql(&self) -> Result<&MySql, LabError> {
        match self {
            Self::MySql(mysql) => Ok(mysql),
            Self::DynamoDb(_) => Err(LabError::NotOnThisStore("DynamoDB")),
        }
    }

    /// For what only DynamoDB does.
    pub(crate) fn faults(&self) -> Result<&FaultProxy, LabError> {
        match self {
            Self::DynamoDb(table) => Ok(&table.faults),
            Self::MySql(_) => Err(LabError::NotOnThisStore("MySQL")),
        }
    }

    /// All that is stored, past the functions and any proxy.
    pub(crate) async fn stored(&self) -> Result<Stored, LabError> {
        Ok(match self {
            Self::MySql(mysql) => Stored::MySql(mysql.administrator().await?),
            Self::DynamoDb(table) => Stored::DynamoDb(table.store()?),
        })
    }

    /// Forgets what is stored. On DynamoDB functions that run go on with the table that they have.
    pub(crate) async fn begin_anew(&self) -> Result<(), LabError> {
        match self {
            Self::MySql(mysql) => mysql.administrator().await?.empty_tables().await,
            Self::DynamoDb(table) => {
                // Boxed, like the start.
                let begin: Pin<Box<dyn Future<Output = Result<(), LabError>> + '_>> = Box::pin(table.begin_anew());
                begin.await
            }
        }
    }

    /// Waits until nobody is connected any more: what the functions sent last has happened or not.
    pub(crate) async fn wait_until_quiet(&self) -> Result<(), LabError> {
        match self {
            Self::MySql(mysql) => mysql.administrator().await?.wait_until_quiet().await,
            Self::DynamoDb(table) => quiet::wait_until(async || Ok(table.faults.is_quiet())).await,
        }
    }

    /// The server's process.
    pub(crate) fn process_id(&self) -> Result<u32, LabError> {
        let id = match self {
            Self::MySql(mysql) => mysql.server.process_id(),
            Self::DynamoDb(table) => table.server.process_id(),
        };
        id.ok_or(LabError::NoProcess("database server"))
    }

    /// Ends the server by a signal, and waits until it has exited.
    pub(crate) async fn end(&mut self, wanted: Signal) -> Result<(), LabError> {
        signal(self.process_id()?, wanted)?;
        match self {
            Self::MySql(mysql) => mysql.server.ended().await,
            Self::DynamoDb(table) => table.server.ended().await,
        }
        Ok(())
    }

    /// Starts it again, with its data and where it was.
    pub(crate) async fn restart(&mut self) -> Result<(), LabError> {
        match self {
            Self::MySql(mysql) => mysql.server.restart().await?,
            Self::DynamoDb(table) => table.server.restart().await?,
        }
        Ok(())
    }

    /// kill -9: nobody needs the data any more.
    pub(super) async fn kill(&mut self) {
        let _ = self.end(Signal::SIGKILL).await;
    }
}
