//! Counts logs for the summary of the codes.

use std::collections::HashMap;

use super::codes::{first_hour, hour_of};
use super::{CodesQuery, DeviceHash};

/// The columns of a log that the summary needs.
#[derive(Debug)]
pub(crate) struct SummaryRow {
    pub(crate) error_log_id: u64,
    pub(crate) error_code: i32,
    pub(crate) device_id: String,
    pub(crate) received_at: i64,
}

/// The counts of some logs.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Logs up to this id are older than the summary.
    known_to: u64,
    /// The last hour of the windows.
    window_hour: i64,
    /// All logs.
    pub(crate) logs: u64,
    /// The newest `received_at`.
    pub(crate) as_of: Option<i64>,
    pub(crate) codes: HashMap<i32, CodeTally>,
    /// One for each log of the hours that are kept: 16 bytes, however many codes and hours there are.
    entries: Vec<Entry>,
    /// How many codes and hours those are.
    code_hours: u64,
}

/// A log, as the counts by code and hour need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) hour: i64,
    pub(crate) error_code: i32,
    pub(crate) device: DeviceHash,
}

/// The counts of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeTally {
    pub(crate) logs: u64,
    /// How many of them are of the last day, and of the last week.
    pub(crate) day: u64,
    pub(crate) week: u64,
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
    /// The newest `received_at` of a log that is older than the summary.
    known_at: Option<i64>,
    /// The first of the newer logs: when, and from which device.
    pub(crate) news: Option<(i64, String)>,
    /// A bit for each hour that is there, modulo 192, which are more than are kept. Only for [`Tally::work`].
    hours: [u64; 3],
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new(known_to: u64, window_hour: i64) -> Self {
        let (codes, entries) = (HashMap::new(), Vec::new());
        Self { known_to, window_hour, logs: 0, as_of: None, codes, entries, code_hours: 0 }
    }

    pub(crate) fn add(&mut self, row: SummaryRow) {
        let SummaryRow { error_log_id, error_code, device_id, received_at } = row;
        self.logs += 1;
        self.as_of = self.as_of.max(Some(received_at));
        let hour = hour_of(received_at);
        let is_within = |hours| hour >= first_hour(hours, self.window_hour);
        let (day, week) = (is_within(CodesQuery::DAY), is_within(CodesQuery::MAX_HOURS));
        let code = self.codes.entry(error_code).or_insert(CodeTally {
            logs: 0,
            day: 0,
            week: 0,
            first_seen: received_at,
            last_seen: received_at,
            known_at: None,
            news: None,
            hours: [0; 3],
        });
        // One hour more than the longest window, so that clocks may differ.
        if is_within(CodesQuery::MAX_HOURS + 1) {
            self.entries.push(Entry { hour, error_code, device: DeviceHash::of(&device_id) });
            let hour = hour.rem_euclid(3 * 64).unsigned_abs();
            if let Some(hours) = code.hours.get_mut((hour / 64) as usize) {
                self.code_hours += u64::from(*hours >> (hour % 64) & 1 == 0);
                *hours |= 1 << (hour % 64);
            }
        }
        code.logs += 1;
        code.day += u64::from(day);
        code.week += u64::from(week);
        code.first_seen = code.first_seen.min(received_at);
        code.last_seen = code.last_seen.max(received_at);
        if error_log_id <= self.known_to {
            code.known_at = code.known_at.max(Some(received_at));
        } else if code.news.as_ref().is_none_or(|(since, _)| received_at < *since) {
            code.news = Some((received_at, device_id));
        }
    }

    /// How much work the logs are to count, in units of reading one. To write the count of a code and hour takes as long as
    /// to read 16 logs (docs/decisions/0098).
    pub(crate) fn work(&self) -> u64 {
        self.logs + 16 * self.code_hours
    }

    /// The logs of each code and hour, in the order of the summary's primary key.
    pub(crate) fn hours(&mut self) -> impl Iterator<Item = &[Entry]> {
        self.entries.sort_unstable_by_key(Entry::key);
        self.entries.chunk_by(|a, b| a.key() == b.key())
    }
}

impl Entry {
    /// The code and the hour.
    pub(crate) fn key(&self) -> (i32, i64) {
        (self.error_code, self.hour)
    }
}

impl CodeTally {
    /// Whether the code is new: never seen before, or not for `new_after` seconds. `last_seen`: when the store saw it
    /// last.
    pub(crate) fn is_new(&self, last_seen: Option<i64>, new_after: i64) -> bool {
        let Some((since, _)) = &self.news else { return false };
        last_seen.max(self.known_at).is_none_or(|seen| since - seen > new_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_000_000;
    const DAY: i64 = 86_400;

    fn tally(known_to: u64, rows: &[(u64, i32, &str, i64)]) -> Tally {
        let mut tally = Tally::new(known_to, hour_of(NOW));
        for (error_log_id, error_code, device_id, received_at) in rows.iter().copied() {
            tally.add(SummaryRow { error_log_id, error_code, device_id: device_id.to_owned(), received_at });
        }
        tally
    }

    #[test]
    fn logs_are_counted_by_hour_and_code() {
        let mut tally = tally(0, &[(1, 7, "a", NOW), (2, 8, "a", NOW), (3, 7, "b", NOW - 3_600), (4, 7, "a", NOW)]);
        let counts: Vec<_> = tally.hours().map(|entries| (entries[0].key(), entries.len())).collect();
        let hour = NOW / 3_600;
        assert_eq!(counts, [((7, hour - 1), 1), ((7, hour), 2), ((8, hour), 1)]);
        assert_eq!((tally.logs, tally.as_of), (4, Some(NOW)));
        assert_eq!(tally.work(), 4 + 3 * 16);
        let code = &tally.codes[&7];
        assert_eq!((code.logs, code.first_seen, code.last_seen), (3, NOW - 3_600, NOW));
    }

    #[test]
    fn a_log_of_an_hour_that_is_no_longer_kept_counts_for_its_code() {
        let mut tally = tally(0, &[(1, 7, "a", NOW - 8 * DAY)]);
        assert_eq!(tally.hours().count(), 0);
        assert_eq!((tally.codes[&7].logs, tally.codes[&7].week), (1, 0));
    }

    #[test]
    fn logs_of_the_last_day_and_week_are_counted_for_the_ranking() {
        let hour = |hours: i64| NOW - hours * 3_600;
        let ages = [-5, 0, 23, 24, 167, 168];
        let rows: Vec<_> = ages.map(|hours| (1, 7, "a", hour(hours))).into();
        let code = &tally(0, &rows).codes[&7];
        assert_eq!((code.day, code.week, code.logs), (3, 5, 6));
    }

    #[test]
    fn a_code_is_new_if_it_was_not_seen_for_long() {
        let code = tally(0, &[(1, 7, "late", NOW), (2, 7, "first", NOW - 5)]).codes[&7].clone();
        assert_eq!(code.news, Some((NOW - 5, "first".to_owned())));
        assert!(code.is_new(None, 30 * DAY));
        assert!(code.is_new(Some(NOW - 6 - 30 * DAY), 30 * DAY));
        assert!(!code.is_new(Some(NOW - 5 - 30 * DAY), 30 * DAY));
        assert!(!code.is_new(Some(NOW + 5), 30 * DAY), "a message that was late in the queue");
    }

    #[test]
    fn a_code_that_was_in_the_table_before_the_summary_is_not_new() {
        let is_new = |known_to, rows: &[_]| tally(known_to, rows).codes[&7].is_new(None, 30 * DAY);
        assert!(!is_new(2, &[(1, 7, "a", NOW), (2, 7, "a", NOW)]));
        assert!(!is_new(1, &[(1, 7, "a", NOW - DAY), (2, 7, "a", NOW)]));
        assert!(is_new(1, &[(1, 7, "a", NOW - 31 * DAY), (2, 7, "a", NOW)]));
    }
}
