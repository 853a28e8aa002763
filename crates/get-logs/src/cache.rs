//! The newest list, kept for a moment: however many dashboards ask, an environment asks the database once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logs_core::Query;
use logs_core::clock::Moment;
use logs_core::settings::{Env, SettingError};

use crate::Listing;

/// The longest that a list may be kept.
const MAX_SECONDS: u64 = 60;

/// At most one list. By two clocks, so that an environment that was frozen does not wake up with an old one.
#[derive(Debug, Default)]
pub struct Cache {
    keep_for: Duration,
    kept: Mutex<Option<(Listing, Moment)>>,
}

impl Cache {
    /// Keeps a list that long; zero keeps none.
    #[must_use]
    pub fn new(keep_for: Duration) -> Self {
        Self { keep_for, kept: Mutex::default() }
    }

    /// `CACHE_SECONDS`, 0 by default.
    pub fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let invalid = SettingError::Invalid { variable: "CACHE_SECONDS", expected: "a number of seconds from 0 to 60" };
        let text = env("CACHE_SECONDS").unwrap_or_else(|| "0".to_owned());
        let seconds: Option<u64> = text.parse().ok().filter(|seconds| *seconds <= MAX_SECONDS);
        seconds.map(|seconds| Self::new(Duration::from_secs(seconds))).ok_or(invalid)
    }

    /// The list, if it is not too old by now. Only what every dashboard asks for is kept.
    pub(crate) fn get(&self, query: &Query, now: Moment) -> Option<Listing> {
        if *query != Query::default() {
            return None;
        }
        let kept = self.lock();
        kept.as_ref().filter(|(_, since)| since.is_within(self.keep_for, now)).map(|(listing, _)| listing.clone())
    }

    /// Keeps a list in place of the one before. `since` is when the database was asked, not when it answered: the list
    /// is as old as that.
    pub(crate) fn keep(&self, query: &Query, listing: &Listing, since: Moment) {
        if !self.keep_for.is_zero() && *query == Query::default() {
            *self.lock() = Some((listing.clone(), since));
        }
    }

    /// What clients are told: how long an answer may be used without asking again.
    pub(crate) fn control(&self) -> String {
        match self.keep_for.as_secs() {
            0 => "no-cache".to_owned(),
            seconds => format!("private, max-age={seconds}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Listing, Moment)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use logs_core::MostRecent;

    use super::*;

    fn cache(value: &str) -> Result<Cache, SettingError> {
        Cache::from_environment(&|name| (name == "CACHE_SECONDS").then(|| value.to_owned()))
    }

    fn listing(as_of: i64) -> Listing {
        Listing::new(&MostRecent { result: vec![], as_of: Some(as_of), next: None }, &Cache::default())
    }

    fn as_of(cache: &Cache, now: Moment) -> Option<String> {
        cache.get(&Query::default(), now).map(|listing| listing.response.body().to_owned())
    }

    #[test]
    fn nothing_is_kept_unless_somebody_says_how_long() {
        for cache in [Cache::from_environment(&|_| None), cache("0")] {
            let cache = cache.unwrap();
            cache.keep(&Query::default(), &listing(1), Moment::now());
            assert!(cache.lock().is_none());
            assert_eq!(cache.control(), "no-cache");
        }
        assert_eq!(cache("60").unwrap().control(), "private, max-age=60");
    }

    #[test]
    fn what_is_no_number_of_seconds_up_to_a_minute_is_named() {
        for value in ["", " 1", "-1", "1.5", "1s", "61", "99999999999999999999"] {
            let error = cache(value).unwrap_err().to_string();
            assert_eq!(error, "CACHE_SECONDS cannot be used: it must be a number of seconds from 0 to 60", "{value}");
        }
    }

    #[test]
    fn a_list_is_kept_until_one_of_the_clocks_says_that_it_is_old_and_the_next_takes_its_place() {
        let cache = cache("2").unwrap();
        let start = Moment { monotonic: Instant::now(), wall: Duration::from_secs(1_000) };
        let after = |monotonic, wall| Moment {
            monotonic: start.monotonic + Duration::from_millis(monotonic),
            wall: start.wall + Duration::from_millis(wall),
        };
        cache.keep(&Query::default(), &listing(1), start);
        assert_eq!(as_of(&cache, after(1_999, 1_999)).as_deref(), Some(r#"{"result":[],"as_of":1}"#));
        assert!(as_of(&cache, after(2_000, 2_000)).is_none());
        assert!(as_of(&cache, after(1, 3_600_000)).is_none(), "the environment was frozen");
        cache.keep(&Query::default(), &listing(2), after(2_000, 2_000));
        assert_eq!(as_of(&cache, after(3_000, 3_000)).as_deref(), Some(r#"{"result":[],"as_of":2}"#));
    }
}
