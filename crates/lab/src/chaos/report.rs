//! The report: a table, or JSON.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::chaos::count::Count;
use crate::chaos::fault::Kind;
use crate::chaos::recovery::Recovery;
use crate::client::Counts;
use crate::figures::whole;
use crate::table::{self, Table, indented};
use crate::testbed::StoreName;

/// One fault, and the recovery from it; `None` if there was none.
pub(crate) type Injected = (Kind, Option<Recovery>);

/// The limit from the moment when a restarted database accepts connections until the first client is served.
const SERVED_AFTER_RESTART: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    run: Run,
    faults: usize,
    not_recovered: usize,
    /// Restarts of the database with a slow recovery; `None` where times are not judged.
    slow_restarts: Option<usize>,
    /// By kind, in the order of [`Kind::all`], then all together.
    recoveries: Vec<Line>,
    #[serde(serialize_with = "requests")]
    requests: Counts,
    codes: Count,
    dead_letters: usize,
}

/// The parameters of the run.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) database: String,
    #[serde(skip)]
    pub(crate) store: StoreName,
    pub(crate) seed: u64,
    pub(crate) clients: usize,
    pub(crate) seconds: u64,
    pub(crate) queued: bool,
    /// Calls of DynamoDB that the proxy throttled or answered with 500; `None` on MySQL.
    pub(crate) failed_calls: Option<u64>,
    /// Whether slow recoveries fail the run.
    #[serde(skip)]
    pub(crate) judges_times: bool,
}

/// The recoveries from one kind of fault, in milliseconds from its end.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    faults: usize,
    first_client: Option<Spread>,
    every_client: Option<Spread>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    median: u128,
    worst: u128,
}

fn requests<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    let Counts { statuses, errors, errors_shown, broken, hung_up } = counts;
    json!({ "answers": statuses, "broken": broken, "hung_up": hung_up, "wrong": errors, "wrong_shown": errors_shown })
        .serialize(serializer)
}

impl table::Report for Report {
    fn is_good(&self) -> bool {
        self.promises().iter().all(|(_, count)| *count == 0)
    }

    fn to_table(&self) -> String {
        let Run { database, seed, clients, seconds, queued, .. } = &self.run;
        let mode = if *queued { "queued" } else { "direct" };
        let head = [
            "ms after the end of the fault",
            "faults",
            "first client served: median",
            "worst",
            "every client served: median",
            "worst",
        ];
        let recoveries = Table::new(head, &[1, 2, 3, 4, 5], self.recoveries.iter().map(Line::cells)).aligned();
        let counts = |head: &str, counts: Vec<(String, u64)>| {
            Table::new([head, ""], &[1], counts.into_iter().map(|(what, count)| [what, count.to_string()])).aligned()
        };
        let figures = counts("", self.figures());
        let promises = self.promises().into_iter().map(|(what, count)| (what.to_owned(), count)).collect();
        let promises = counts("must be 0:", promises);
        let errors = indented(&self.requests.errors_shown);
        format!(
            "{database}, {mode}, seed {seed}, {clients} clients, {seconds} s\n\n{recoveries}{figures}\n{promises}{errors}\n{}\n",
            self.verdict()
        )
    }
}

impl Report {
    pub(crate) fn new(run: Run, faults: &[Injected], requests: Counts, codes: Count, dead_letters: usize) -> Self {
        let by_kind = Kind::all().iter().map(|wanted| {
            let those: Vec<_> = faults.iter().filter(|(kind, _)| kind == wanted).copied().collect();
            Line::new(wanted.name(), &those)
        });
        let recoveries = by_kind.chain([Line::new("all", faults)]).filter(|line| line.faults > 0).collect();
        let not_recovered = faults.iter().filter(|(_, recovery)| recovery.is_none()).count();
        let is_slow = |(kind, recovery): &&Injected| {
            kind.restarts_the_database() && recovery.is_some_and(|recovery| recovery.first > SERVED_AFTER_RESTART)
        };
        let slow_restarts = run.judges_times.then(|| faults.iter().filter(is_slow).count());
        let faults = faults.len();
        Self { run, faults, not_recovered, slow_restarts, recoveries, requests, codes, dead_letters }
    }

    /// What must never happen, and how often it did.
    fn promises(&self) -> Vec<(&'static str, u64)> {
        let mut promises = self.codes.breaches.named().to_vec();
        promises.push(("answers that are none of the contract", self.requests.errors));
        promises.push(("faults not recovered from", whole(self.not_recovered)));
        promises.push(("messages given up as dead letters", whole(self.dead_letters)));
        promises.extend(self.slow_restarts.map(|slow| ("restarts, nobody served 1 s after", whole(slow))));
        promises
    }

    fn figures(&self) -> Vec<(String, u64)> {
        let (codes, requests) = (&self.codes, &self.requests);
        let mut figures = vec![
            ("codes acknowledged".to_owned(), self.acknowledged()),
            ("  with a key".to_owned(), codes.acknowledged_with_key),
            ("  without".to_owned(), codes.acknowledged_without_key),
            ("  without, and doubled (as it may happen)".to_owned(), codes.doubled_without_key),
            ("batches refused, their key was used".to_owned(), codes.refused_batches),
            ("batches still open at the end".to_owned(), codes.open_batches),
        ];
        figures.extend(requests.statuses.iter().map(|(status, count)| (format!("answers {status}"), *count)));
        figures.extend(self.run.failed_calls.map(|calls| ("calls of DynamoDB that failed as told".to_owned(), calls)));
        figures.push(("connections to the gateway that broke".to_owned(), requests.broken));
        figures.push(("requests that the client gave up".to_owned(), requests.hung_up));
        figures
    }

    fn acknowledged(&self) -> u64 {
        self.codes.acknowledged_with_key + self.codes.acknowledged_without_key
    }

    fn verdict(&self) -> String {
        let broken = self.promises().into_iter().filter(|(_, count)| *count > 0);
        let broken: Vec<String> = broken.map(|(what, count)| format!("{count} {what}")).collect();
        if broken.is_empty() {
            let (faults, codes) = (self.faults, self.acknowledged());
            return format!("Nothing lost, nothing doubled: {faults} faults, {codes} codes acknowledged.");
        }
        let queued = if self.run.queued { " --queued" } else { "" };
        let store = self.run.store.option();
        format!("FAILED: {}. Again: ./dev chaos{store}{queued} --seed {}", broken.join("; "), self.run.seed)
    }
}

impl Line {
    fn new(kind: &'static str, faults: &[Injected]) -> Self {
        let recoveries = || faults.iter().filter_map(|(_, recovery)| *recovery);
        let first_client = Spread::of(recoveries().map(|recovery| recovery.first));
        let every_client = Spread::of(recoveries().map(|recovery| recovery.last));
        Self { kind, faults: faults.len(), first_client, every_client }
    }

    fn cells(&self) -> [String; 6] {
        let [[first, worst], [every, every_worst]] = [self.first_client, self.every_client].map(|spread| {
            let none = ["-".to_owned(), "-".to_owned()];
            spread.map_or(none, |spread| [spread.median.to_string(), spread.worst.to_string()])
        });
        [self.kind.to_owned(), self.faults.to_string(), first, worst, every, every_worst]
    }
}

impl Spread {
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<u128> = times.map(|time| time.as_millis()).collect();
        times.sort_unstable();
        Some(Self { median: *times.get(times.len() / 2)?, worst: *times.last()? })
    }
}
