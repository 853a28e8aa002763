//! What came of it, as a table for people and as JSON for machines.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use crate::chaos::count::Count;
use crate::chaos::fault::Kind;
use crate::chaos::recovery::Recovery;
use crate::chaos::tally::Counts;

/// One fault that happened, and how it was got over; `None`: it was not.
pub(crate) type Survived = (Kind, Option<Recovery>);

/// After a restart of the database somebody is served within this time, from the moment at which it takes connections.
const SERVED_AFTER_RESTART: Duration = Duration::from_secs(1);

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    database: String,
    seed: u64,
    clients: usize,
    seconds: u64,
    queued: bool,
    faults: usize,
    not_recovered: usize,
    /// Restarts of the database after which nobody was served in time; `None` where times are not judged.
    slow_restarts: Option<usize>,
    /// By kind, in the order of [`Kind::ALL`], and all together at the end.
    recoveries: Vec<Line>,
    requests: Counts,
    codes: Count,
    dead_letters: usize,
}

/// The faults of one kind. In milliseconds, from the end of the fault.
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

/// How it was run.
pub(crate) struct Run {
    pub(crate) database: String,
    pub(crate) seed: u64,
    pub(crate) clients: usize,
    pub(crate) seconds: u64,
    pub(crate) queued: bool,
    /// Whether it may fail by being slow: a machine that does other things as well is no measure.
    pub(crate) judges_times: bool,
}

impl Report {
    pub(crate) fn new(run: Run, faults: &[Survived], requests: Counts, codes: Count, dead_letters: usize) -> Self {
        let of = |wanted: Option<Kind>| {
            let those = faults.iter().filter(move |(kind, _)| wanted.is_none_or(|wanted| wanted == *kind));
            let recoveries = those.clone().filter_map(|(_, recovery)| *recovery);
            Line {
                kind: wanted.map_or("all", Kind::name),
                faults: those.count(),
                first_client: Spread::of(recoveries.clone().map(|recovery| recovery.first)),
                every_client: Spread::of(recoveries.map(|recovery| recovery.last)),
            }
        };
        let recoveries = Kind::ALL.into_iter().map(Some).chain([None]).map(of).filter(|line| line.faults > 0).collect();
        let not_recovered = faults.iter().filter(|(_, recovery)| recovery.is_none()).count();
        let is_slow = |(kind, recovery): &&Survived| {
            kind.restarts_the_database() && recovery.is_some_and(|recovery| recovery.first > SERVED_AFTER_RESTART)
        };
        let Run { database, seed, clients, seconds, queued, judges_times } = run;
        let slow_restarts = judges_times.then(|| faults.iter().filter(is_slow).count());
        let faults = faults.len();
        Self {
            database,
            seed,
            clients,
            seconds,
            queued,
            faults,
            not_recovered,
            slow_restarts,
            recoveries,
            requests,
            codes,
            dead_letters,
        }
    }

    /// What must not be, and is.
    pub(crate) fn broken_promises(&self) -> Vec<(&'static str, u64)> {
        self.promises().into_iter().filter(|(_, count)| *count > 0).collect()
    }

    fn promises(&self) -> Vec<(&'static str, u64)> {
        let mut promises = self.codes.breaches.named().to_vec();
        promises.push(("answers that are none of the contract", self.requests.wrong));
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        promises.push(("faults not recovered from", number(self.not_recovered)));
        promises.push(("messages given up as dead letters", number(self.dead_letters)));
        if let Some(slow) = self.slow_restarts {
            promises.push(("restarts, nobody served 1 s after", number(slow)));
        }
        promises
    }

    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// The last line is the verdict.
    pub(crate) fn to_table(&self) -> String {
        let mut table = format!(
            "{}, {}, seed {}, {} clients, {} s\n\n{:<44}{:>7}  first client served  every client served\n\
             {:<44}{:>7}{:>13}{:>8}{:>14}{:>7}\n",
            self.database,
            if self.queued { "queued" } else { "direct" },
            self.seed,
            self.clients,
            self.seconds,
            "",
            "",
            "ms after the end of the fault",
            "faults",
            "median",
            "worst",
            "median",
            "worst"
        );
        for line in &self.recoveries {
            let cells = [line.first_client, line.every_client]
                .map(|spread| spread.map_or(["-".to_owned(), "-".to_owned()], Spread::cells));
            let [[median, worst], [every_median, every_worst]] = cells;
            let (kind, faults) = (line.kind, line.faults);
            // A line of a String cannot fail to be written.
            let _ = writeln!(table, "{kind:<44}{faults:>7}{median:>13}{worst:>8}{every_median:>14}{every_worst:>7}");
        }
        table.push('\n');
        for (what, count) in self.figures() {
            let _ = writeln!(table, "{what:<44}{count:>7}");
        }
        table.push_str("\nmust be 0:\n");
        for (what, count) in self.promises() {
            let _ = writeln!(table, "{what:<44}{count:>7}");
        }
        for wrong in &self.requests.wrong_shown {
            let _ = writeln!(table, "  {wrong}");
        }
        table + "\n" + &self.verdict() + "\n"
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
        figures.extend(requests.answers.iter().map(|(status, count)| (format!("answers {status}"), *count)));
        figures.push(("connections to the gateway that broke".to_owned(), requests.broken));
        figures.push(("requests that the client gave up".to_owned(), requests.hung_up));
        figures
    }

    fn acknowledged(&self) -> u64 {
        self.codes.acknowledged_with_key + self.codes.acknowledged_without_key
    }

    fn verdict(&self) -> String {
        let broken: Vec<String> =
            self.broken_promises().into_iter().map(|(what, count)| format!("{count} {what}")).collect();
        if broken.is_empty() {
            let (faults, codes) = (self.faults, self.acknowledged());
            return format!("Nothing lost, nothing doubled: {faults} faults, {codes} codes acknowledged.");
        }
        let queued = if self.queued { " --queued" } else { "" };
        format!("FAILED: {}. Again: ./dev chaos{queued} --seed {}", broken.join("; "), self.seed)
    }
}

impl Spread {
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<u128> = times.map(|time| time.as_millis()).collect();
        times.sort_unstable();
        Some(Self { median: *times.get(times.len() / 2)?, worst: *times.last()? })
    }

    fn cells(self) -> [String; 2] {
        [self.median.to_string(), self.worst.to_string()]
    }
}
