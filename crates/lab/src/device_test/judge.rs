//! Finds the rules of `docs/devices.md` that a client has broken, from the requests that arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logs_core::{Batch, IdempotencyKey};

use crate::device_test::gateway::Arrival;
use crate::device_test::scenario::{Fate, Scenario, WRONG_KEY};

/// For measuring pauses.
const TOLERANCE: Duration = Duration::from_millis(50);

/// How often a client with a wrong API key may try before its restart.
const MAX_TRIES_WITH_A_WRONG_KEY: usize = 3;

/// Shorter than any pause, but longer than a client takes between two immediate tries.
const NO_PAUSE: Duration = Duration::from_millis(100);

/// A pause is random, and the first may be short. This many missing pauses in a row are no coincidence.
const MAX_MISSING_PAUSES: usize = 4;

/// How many times each code is stored.
pub(crate) type Stored = BTreeMap<i32, u64>;

const REPEATED: &str = "a batch was sent again after it was refused for good";

/// All broken rules, each as a sentence.
pub(crate) fn broken_rules(scenario: &Scenario, codes: i32, arrivals: &[Arrival], stored: &Stored) -> Vec<String> {
    let mut broken = BTreeSet::new();
    let mut by_key: BTreeMap<&str, Vec<&Arrival>> = BTreeMap::new();
    let mut keys_of: BTreeMap<i32, BTreeSet<&str>> = BTreeMap::new();
    if arrivals.len() < scenario.requests() {
        let (arrived, expected) = (arrivals.len(), scenario.requests());
        broken.insert(format!("the scenario was not met: {arrived} requests arrived, and it takes {expected}"));
    }
    for arrival in arrivals {
        let Some(key) = arrival.key.as_deref().filter(|key| IdempotencyKey::parse(key).is_ok()) else {
            broken.insert("a request had no valid Idempotency-Key".to_owned());
            continue;
        };
        by_key.entry(key).or_default().push(arrival);
    }
    let refused: Vec<&Arrival> = arrivals.iter().filter(|arrival| arrival.fate.is_final()).collect();
    for (key, tries) in &by_key {
        // The codes of a refused batch may be sent again under another key.
        if tries.iter().any(|arrival| arrival.fate.is_final()) {
            continue;
        }
        for code in tries.iter().flat_map(|arrival| codes_in(arrival)) {
            keys_of.entry(code).or_default().insert(key);
        }
    }
    for tries in by_key.values() {
        broken.extend(tries.windows(2).filter_map(|pair| broken_by_retry(pair[0], pair[1])));
        let is_tight = |tries: &[&Arrival]| tries.windows(2).all(|pair| pair[1].at - pair[0].at < NO_PAUSE);
        if tries.windows(MAX_MISSING_PAUSES + 1).any(is_tight) {
            broken.insert("it tried again and again without a pause".to_owned());
        }
    }
    let repeats = |(index, first): (usize, &Arrival)| {
        first.fate.refuses_the_bytes() && arrivals[index + 1..].iter().any(|later| later.body == first.body)
    };
    if arrivals.iter().enumerate().any(repeats) {
        broken.insert(REPEATED.to_owned());
    }
    if keys_of.values().any(|keys| keys.len() > 1) {
        broken.insert("the same code was sent under two keys".to_owned());
    }
    if arrivals.iter().filter(|arrival| arrival.fate == WRONG_KEY).count() > MAX_TRIES_WITH_A_WRONG_KEY {
        broken.insert("it went on sending with a wrong API key; try again in an hour".to_owned());
    }
    let droppable: BTreeSet<i32> = refused.iter().flat_map(|arrival| codes_in(arrival)).collect();
    let lost = (0..codes).filter(|code| !stored.contains_key(code) && !droppable.contains(code)).count();
    if lost > 0 {
        broken.insert(format!("{lost} of {codes} codes were lost"));
    }
    let doubled = stored.values().filter(|count| **count > 1).count();
    if doubled > 0 {
        broken.insert(format!("{doubled} of {codes} codes were stored twice"));
    }
    broken.into_iter().collect()
}

/// The rule that the second of two tries under one key breaks, if any.
fn broken_by_retry(first: &Arrival, second: &Arrival) -> Option<String> {
    let waited = second.at - first.at;
    if second.body != first.body {
        return Some("another body was sent under the same key".to_owned());
    }
    match first.fate {
        Fate::Slow => Some("it did not wait for a slow response".to_owned()),
        fate if fate.acknowledges() => Some("a batch was sent again after it was acknowledged".to_owned()),
        fate if fate.is_final() => Some(REPEATED.to_owned()),
        fate => {
            let (status, seconds) = fate.retry_after()?;
            let is_early = waited + TOLERANCE < Duration::from_secs(seconds);
            is_early.then(|| format!("it sent again {waited:.1?} after {status}, and Retry-After said {seconds} s"))
        }
    }
}

/// The codes in a request. Each has its own `err`.
fn codes_in(arrival: &Arrival) -> Vec<i32> {
    let batch = Batch::parse(&arrival.body).map(|batch| batch.logs().to_vec()).unwrap_or_default();
    batch.iter().map(|log| log.error_code().get()).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use tokio::time::Instant;

    use super::*;
    use crate::device_test::scenario::ALL;

    fn arrival(at: Instant, key: &str, codes: &[i32], fate: Fate) -> Arrival {
        let record = |code: &i32| format!(r#"{{"deviceID":"d","err":{code},"timestamp":1}}"#);
        let records: Vec<_> = codes.iter().map(record).collect();
        let key = (!key.is_empty()).then(|| key.to_owned());
        Arrival { at, key, body: Bytes::from(format!("[{}]", records.join(","))), fate }
    }

    fn broken(fates: &[(&str, &[i32], u64, Fate)], stored: &[(i32, u64)]) -> Vec<String> {
        let start = Instant::now();
        let arrivals: Vec<_> = fates
            .iter()
            .map(|(key, codes, seconds, fate)| arrival(start + Duration::from_secs(*seconds), key, codes, *fate))
            .collect();
        broken_rules(&ALL[0], 2, &arrivals, &stored.iter().copied().collect())
    }

    const BUSY: Fate = Fate::Status(429, Some(2));
    const BOTH: &[(i32, u64)] = &[(0, 1), (1, 1)];

    #[test]
    fn a_client_that_keeps_the_rules_breaks_none() {
        let kept = broken(
            &[("a", &[0, 1], 0, BUSY), ("a", &[0, 1], 2, Fate::CutAfter), ("a", &[0, 1], 2, Fate::Passed)],
            BOTH,
        );
        assert_eq!(kept, [] as [String; 0]);
    }

    #[test]
    fn each_broken_rule_is_named() {
        for (fates, expected) in [
            (&[("", &[0, 1][..], 0, Fate::Passed)][..], "no valid Idempotency-Key"),
            (&[("a", &[0, 1], 0, BUSY), ("a", &[0, 1], 1, Fate::Passed)], "Retry-After said 2 s"),
            (&[("a", &[0], 0, BUSY), ("a", &[0, 1], 2, Fate::Passed)], "another body"),
            (&[("a", &[0, 1], 0, Fate::CutAfter), ("b", &[0, 1], 2, Fate::Passed)], "under two keys"),
            (&[("a", &[0, 1], 0, Fate::Passed), ("a", &[0, 1], 2, Fate::Passed)], "after it was acknowledged"),
            (&[("a", &[0, 1], 0, Fate::Status(400, None)), ("a", &[0, 1], 2, Fate::Passed)], "refused for good"),
            (&[("a", &[0, 1], 0, Fate::Status(413, None)), ("b", &[0, 1], 2, Fate::Passed)], "refused for good"),
            (&[("a", &[0, 1][..], 0, Fate::CutBefore); 5][..], "without a pause"),
            (
                &[
                    ("a", &[0, 1], 0, WRONG_KEY),
                    ("a", &[0, 1], 2, WRONG_KEY),
                    ("a", &[0, 1], 4, WRONG_KEY),
                    ("a", &[0, 1], 6, WRONG_KEY),
                ],
                "wrong API key",
            ),
        ] {
            let broken = broken(fates, BOTH);
            assert!(broken.len() == 1 && broken[0].contains(expected), "{expected}: {broken:?}");
        }
    }

    #[test]
    fn a_refused_batch_may_be_dropped_or_split_under_new_keys() {
        let dropped = ("a", &[0, 1][..], 0, Fate::Status(413, None));
        assert_eq!(broken(&[dropped], &[]), [] as [String; 0]);
        let split = [dropped, ("b", &[0], 2, Fate::Passed), ("c", &[1], 2, Fate::Passed)];
        assert_eq!(broken(&split, BOTH), [] as [String; 0]);
    }

    #[test]
    fn codes_beside_a_refused_batch_must_not_be_dropped() {
        let refused = [("a", &[0][..], 0, Fate::Status(400, None))];
        assert_eq!(broken(&refused, &[]), ["1 of 2 codes were lost"]);
    }

    #[test]
    fn a_client_that_sends_nothing_passes_no_scenario() {
        for scenario in &ALL {
            let broken = broken_rules(scenario, 2, &[], &Stored::new());
            assert!(broken.contains(&"2 of 2 codes were lost".to_owned()), "{}", scenario.name);
            let is_unmet = broken.iter().any(|rule| rule.starts_with("the scenario was not met"));
            assert_eq!(is_unmet, !scenario.fates.is_empty(), "{}: {broken:?}", scenario.name);
        }
    }

    #[test]
    fn lost_and_doubled_codes_are_counted() {
        let fates = [("a", &[0, 1][..], 0, Fate::Passed)];
        assert_eq!(broken(&fates, &[(0, 1)]), ["1 of 2 codes were lost"]);
        assert_eq!(broken(&fates, &[(0, 1), (1, 2)]), ["1 of 2 codes were stored twice"]);
    }
}
