//! A rate limit for each device: one that sends too much has to wait, and the others do not.
//!
//! A bucket per device takes `DEVICE_RATE` codes and drains within a minute. A device is over its rate while its bucket
//! holds more than that. Otherwise its whole batch goes in, even above the rim: the largest batch must get through at
//! the lowest rate, and the device then waits for all of it. Only stored codes go in, so neither a retry nor an outage
//! counts against a device. Each environment has its own buckets.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use logs_core::settings::{Env, SettingError};
use logs_core::{Batch, DeviceId, NewLog};
use lru::LruCache;

/// The time in which a full bucket drains.
const MINUTE: Duration = Duration::from_mins(1);

/// The maximum rate. A higher limit would limit nothing.
const MAX_RATE: u32 = 1_000_000;

/// The maximum number of buckets, about 4 MB. Beyond it the bucket that was unused for longest is dropped.
const MAX_BUCKETS: usize = 50_000;

/// The buckets of the devices that sent codes lately.
pub struct DeviceRates {
    /// How long a code takes to drain.
    per_code: Duration,
    /// Seeded at random, so that no client can choose a name that shares another device's bucket.
    hasher: RandomState,
    state: Mutex<State>,
}

struct State {
    /// By the hash of the device: when its bucket is empty.
    empty_at: LruCache<u64, Instant>,
    /// When the log may name a device again.
    next_line_at: Option<Instant>,
}

/// The devices of a batch that are over their rate, each with the seconds for which it has to wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OverRate(HashMap<DeviceId, u64>);

impl fmt::Debug for DeviceRates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DeviceRates").field("per_code", &self.per_code).finish_non_exhaustive()
    }
}

impl DeviceRates {
    /// `DEVICE_RATE`, in codes a minute; `None` if it is 0, empty or not set.
    pub fn from_environment(env: Env<'_>) -> Result<Option<Self>, SettingError> {
        let Some(text) = env("DEVICE_RATE").filter(|text| !text.is_empty()) else { return Ok(None) };
        let expected = "codes a minute and device, up to 1000000, or 0 for any number";
        let rate = text.parse().ok().filter(|rate| *rate <= MAX_RATE);
        match rate.ok_or(SettingError::Invalid { variable: "DEVICE_RATE", expected })? {
            0 => Ok(None),
            rate => Ok(Some(Self::of(rate))),
        }
    }

    fn of(rate: u32) -> Self {
        let state = State { empty_at: LruCache::unbounded(), next_line_at: None };
        Self { per_code: MINUTE / rate, hasher: RandomState::new(), state: Mutex::new(state) }
    }

    /// The devices of these logs that are over their rate. Names one of them in the log, at most once a minute.
    pub(crate) fn over_rate(&self, logs: &[NewLog], now: Instant) -> Option<OverRate> {
        let mut state = self.state();
        let mut seconds = HashMap::new();
        for device in logs.iter().map(NewLog::device_id) {
            let empty_at = state.empty_at.get(&self.key(device));
            let wait = empty_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now).saturating_sub(MINUTE));
            if !wait.is_zero() && !seconds.contains_key(device) {
                seconds.insert(device.clone(), wait.as_secs() + 1);
            }
        }
        let (device, wait) = seconds.iter().max_by_key(|(_, seconds)| **seconds)?;
        if state.next_line_at.is_none_or(|at| at <= now) {
            state.next_line_at = Some(now + MINUTE);
            let device_id = device.as_str().escape_debug();
            tracing::warn!(%device_id, wait, devices = seconds.len(), "a device is over its rate");
        }
        Some(OverRate(seconds))
    }

    /// Puts stored logs into the buckets of their devices. Returns the number of codes in the fullest of these buckets.
    pub(crate) fn fill(&self, logs: &[NewLog], now: Instant) -> usize {
        let mut state = self.state();
        let mut latest = now;
        for log in logs {
            let key = self.key(log.device_id());
            let empty_at = state.empty_at.get(&key).map_or(now, |at| now.max(*at)) + self.per_code;
            state.empty_at.put(key, empty_at);
            latest = latest.max(empty_at);
        }
        while state.empty_at.len() > MAX_BUCKETS {
            state.empty_at.pop_lru();
        }
        let codes = latest.duration_since(now).as_nanos().div_ceil(self.per_code.as_nanos());
        usize::try_from(codes).unwrap_or(usize::MAX)
    }

    fn key(&self, device: &DeviceId) -> u64 {
        self.hasher.hash_one(device.as_str())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OverRate {
    /// The batch without the records of these devices; `None` if no record is left.
    pub(crate) fn rest(&self, batch: &Batch) -> Option<Batch> {
        batch.throttle(|device| self.0.get(device).copied())
    }

    /// The number of seconds after which none of these devices has to wait.
    pub(crate) fn seconds(&self) -> u64 {
        self.0.values().copied().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(device: &str, count: usize) -> Vec<NewLog> {
        let record = format!(r#"{{"deviceID":"{device}","err":1,"timestamp":2}}"#);
        Batch::parse(format!("[{}]", vec![record; count].join(",")).as_bytes()).unwrap().logs().to_vec()
    }

    fn wait(rates: &DeviceRates, device: &str, now: Instant) -> Option<u64> {
        rates.over_rate(&logs(device, 1), now).map(|over| over.seconds())
    }

    #[test]
    fn a_device_may_send_a_minutes_worth_at_once_and_then_as_much_as_drains() {
        let (rates, start) = (DeviceRates::of(60), Instant::now());
        assert_eq!(wait(&rates, "a", start), None);
        assert_eq!(rates.fill(&logs("a", 60), start), 60);
        assert_eq!(wait(&rates, "a", start), None, "the bucket is full to the rim, and nothing is above it");
        assert_eq!(rates.fill(&logs("a", 2), start), 62);
        assert_eq!(wait(&rates, "a", start), Some(3));
        assert_eq!(wait(&rates, "a", start + Duration::from_millis(1_999)), Some(1));
        assert_eq!(wait(&rates, "a", start + Duration::from_secs(2)), None);
        assert_eq!(wait(&rates, "b", start), None, "another device has a bucket of its own");
        let later = start + Duration::from_secs(500);
        assert_eq!(rates.fill(&logs("a", 3), later), 3, "an idle device saves nothing up");
    }

    #[test]
    fn the_largest_batch_gets_through_at_the_lowest_rate_and_the_device_waits_for_all_of_it() {
        let (rates, start) = (DeviceRates::of(1), Instant::now());
        assert_eq!(wait(&rates, "a", start), None);
        assert_eq!(rates.fill(&logs("a", 1000), start), 1000);
        assert_eq!(wait(&rates, "a", start), Some(999 * 60 + 1));
    }

    #[test]
    fn of_a_mixed_batch_the_records_of_the_other_devices_are_left() {
        let (rates, start) = (DeviceRates::of(60), Instant::now());
        rates.fill(&logs("mad", 61), start);
        rates.fill(&logs("mad, too", 70), start);
        let record = |device: &str| format!(r#"{{"deviceID":"{device}","err":1,"timestamp":2}}"#);
        let body = format!("[{},{},{}]", record("mad"), record("good"), record("mad, too"));
        let batch = Batch::parse(body.as_bytes()).unwrap();
        let over = rates.over_rate(batch.logs(), start).unwrap();
        assert_eq!(over.seconds(), 11);
        let rest = over.rest(&batch).unwrap();
        assert_eq!((rest.logs().len(), rest.rejected()), (1, 2));
        assert!(rest.errors()[0].message.ends_with("in 2 s") && rest.errors()[1].message.ends_with("in 11 s"));
    }

    #[test]
    fn a_million_made_up_devices_take_no_more_room_than_fifty_thousand() {
        let (rates, start) = (DeviceRates::of(60), Instant::now());
        let [one] = &logs("x", 1)[..] else { unreachable!("one log was asked for") };
        let made_up = |number: usize| {
            let device = DeviceId::parse(format!("made up {number}")).unwrap();
            NewLog::new(device, one.error_code(), one.timestamp())
        };
        for first in (0..1_000_000).step_by(1000) {
            let made_up: Vec<_> = (first..first + 1000).map(made_up).collect();
            assert_eq!(rates.over_rate(&made_up, start), None);
            rates.fill(&made_up, start);
            // Between all of them one device goes on.
            rates.fill(&logs("mad", 1), start);
            assert!(rates.state().empty_at.len() <= MAX_BUCKETS);
        }
        assert_eq!(rates.state().empty_at.len(), MAX_BUCKETS);
        assert_eq!(wait(&rates, "mad", start), Some(941), "who goes on sending is not forgotten");
    }

    #[test]
    fn the_rate_is_a_number_of_codes_a_minute_and_zero_is_none() {
        let given = |value: &'static str| {
            DeviceRates::from_environment(&|name| (name == "DEVICE_RATE").then(|| value.to_owned()))
        };
        assert!(DeviceRates::from_environment(&|_| None).unwrap().is_none());
        assert!(given("").unwrap().is_none() && given("0").unwrap().is_none());
        for (value, per_code) in [("1", MINUTE), ("60", Duration::from_secs(1)), ("1000000", Duration::from_micros(60))]
        {
            assert_eq!(given(value).unwrap().unwrap().per_code, per_code);
        }
        for value in ["-1", "1.5", "1000001", "many", " 1"] {
            let error = given(value).unwrap_err().to_string();
            assert!(error.starts_with("DEVICE_RATE cannot be used: it must be codes a minute"), "{value}: {error}");
        }
    }
}
