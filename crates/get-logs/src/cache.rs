//! The newest lists, cached for some seconds: however many dashboards ask, an environment asks the store once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logs_core::clock::Moment;
use logs_core::settings::{Env, SettingError};

use crate::Listing;
use crate::question::Question;

/// The longest time that a list may be cached.
const MAX_SECONDS: u64 = 60;

/// At most one list per common question, of which there are few. Two clocks measure its age, so that an environment
/// that was frozen serves no old list.
#[derive(Debug, Default)]
pub struct Cache {
    keep_for: Duration,
    kept: Mutex<Vec<(Question, Listing, Moment)>>,
}

impl Cache {
    /// Keeps each list for this time; zero keeps none.
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

    /// The list, if it is not too old.
    pub(crate) fn get(&self, question: &Question, now: Moment) -> Option<Listing> {
        let kept = self.lock();
        let (_, listing, since) = kept.iter().find(|kept| kept.0 == *question)?;
        since.is_within(self.keep_for, now).then(|| listing.clone())
    }

    /// Replaces the list of a common question. `since` is when the store was asked, not when it answered: the list is
    /// that old.
    pub(crate) fn keep(&self, question: &Question, listing: &Listing, since: Moment) {
        if !self.keep_for.is_zero() && question.is_common() {
            let mut kept = self.lock();
            kept.retain(|kept| kept.0 != *question);
            kept.push((question.clone(), listing.clone(), since));
        }
    }

    /// The value of `Cache-Control`: how long a client may use a response without asking again.
    pub(crate) fn control(&self) -> String {
        match self.keep_for.as_secs() {
            0 => "no-cache".to_owned(),
            seconds => format!("private, max-age={seconds}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Question, Listing, Moment)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use logs_core::{CodesQuery, MostRecent, Query};

    use super::*;

    fn cache(value: &str) -> Result<Cache, SettingError> {
        Cache::from_environment(&|name| (name == "CACHE_SECONDS").then(|| value.to_owned()))
    }

    fn listing(as_of: i64) -> Listing {
        Listing::new(&MostRecent { result: vec![], as_of: Some(as_of), next: None }, 0, &Cache::default())
    }

    fn logs() -> Question {
        Question::Logs(Query::default())
    }

    fn as_of(cache: &Cache, now: Moment) -> Option<String> {
        cache.get(&logs(), now).map(|listing| listing.response.body().to_owned())
    }

    #[test]
    fn nothing_is_cached_by_default() {
        for cache in [Cache::from_environment(&|_| None), cache("0")] {
            let cache = cache.unwrap();
            cache.keep(&logs(), &listing(1), Moment::now());
            assert!(cache.lock().is_empty());
            assert_eq!(cache.control(), "no-cache");
        }
        assert_eq!(cache("60").unwrap().control(), "private, max-age=60");
    }

    #[test]
    fn an_invalid_cache_time_is_named() {
        for value in ["", " 1", "-1", "1.5", "1s", "61", "99999999999999999999"] {
            let error = cache(value).unwrap_err().to_string();
            assert_eq!(error, "CACHE_SECONDS cannot be used: it must be a number of seconds from 0 to 60", "{value}");
        }
    }

    #[test]
    fn a_list_is_cached_until_it_is_too_old_by_one_of_the_clocks() {
        let cache = cache("2").unwrap();
        let start = Moment { monotonic: Instant::now(), wall: Duration::from_secs(1_000) };
        let after = |monotonic, wall| Moment {
            monotonic: start.monotonic + Duration::from_millis(monotonic),
            wall: start.wall + Duration::from_millis(wall),
        };
        cache.keep(&logs(), &listing(1), start);
        assert_eq!(as_of(&cache, after(1_999, 1_999)).as_deref(), Some(r#"{"result":[],"as_of":1}"#));
        assert!(as_of(&cache, after(2_000, 2_000)).is_none());
        assert!(as_of(&cache, after(1, 3_600_000)).is_none(), "the environment was frozen");
        cache.keep(&logs(), &listing(2), after(2_000, 2_000));
        assert_eq!(as_of(&cache, after(3_000, 3_000)).as_deref(), Some(r#"{"result":[],"as_of":2}"#));
    }

    #[test]
    fn each_common_question_has_its_list_and_rare_questions_have_none() {
        let cache = cache("60").unwrap();
        let now = Moment::now();
        let codes = |hours| Question::Codes(CodesQuery::parse([("hours", hours)]).unwrap());
        cache.keep(&logs(), &listing(1), now);
        cache.keep(&codes("24"), &listing(2), now);
        cache.keep(&Question::Logs(Query::parse([("limit", "11")]).unwrap()), &listing(3), now);
        assert_eq!(as_of(&cache, now).as_deref(), Some(r#"{"result":[],"as_of":1}"#));
        let kept = cache.get(&codes("24"), now).unwrap();
        assert_eq!(kept.response.body(), r#"{"result":[],"as_of":2}"#);
        assert!(cache.get(&codes("23"), now).is_none());
        assert_eq!(cache.lock().len(), 2);
    }
}
