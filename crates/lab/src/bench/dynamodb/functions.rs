//! The functions, on three tables of one server.

use std::time::Duration;

use local::lambda::FunctionConfig;

use crate::bench::caller::Caller;
use crate::bench::event;
use crate::bench::functions::Mode;
use crate::error::LabError;
use crate::figures::grouped;
use crate::testbed::{Table, Testbed};

/// A full batch.
const BATCH: usize = 1000;

/// How a function reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    /// Through the proxy, which counts units.
    Counted,
}

/// The testbed and its tables, by name.
pub(super) struct TableFunctions<'a> {
    testbed: &'a Testbed,
    pub(super) table: &'a Table,
    /// A table with one batch, and one with many. POSTs go to both: one more batch makes no difference.
    pub(super) few: String,
    pub(super) many: String,
    /// How many codes those two hold, as text.
    pub(super) codes: [String; 2],
    /// The table for timed POSTs.
    pub(super) written: String,
}

impl<'a> TableFunctions<'a> {
    /// Creates the tables, and fills two of them through post-log.
    pub(super) async fn prepare(testbed: &'a Testbed, table: &'a Table, batches: usize) -> Result<Self, LabError> {
        let few = table.name();
        testbed.store.clear().await?;
        let many = table.name();
        testbed.store.clear().await?;
        let functions = Self {
            testbed,
            table,
            few,
            many,
            codes: [1, batches].map(|batches| grouped(batches * BATCH)),
            written: table.name(),
        };
        for (name, batches) in [(&functions.few, 1), (&functions.many, batches)] {
            let post_log = functions.start("post-log", name, Way::Direct).await?;
            for salt in 0..batches {
                post_log.call(&event::post_of_fleet(BATCH, salt, None)?).await?;
            }
            post_log.stop().await;
        }
        Ok(functions)
    }

    /// Starts a function on this table.
    pub(super) async fn start(&self, function: &'static str, table: &str, way: Way) -> Result<Caller, LabError> {
        Caller::start_with(self.config(function, table, way), function, Mode::Plain).await
    }

    /// How a function runs on this table.
    pub(super) fn config(&self, function: &str, table: &str, way: Way) -> FunctionConfig {
        let port = if way == Way::Counted { self.table.faults.port } else { self.table.server.port() };
        self.testbed.function(function, Table::settings(table, port), Duration::from_secs(20), 1)
    }
}
