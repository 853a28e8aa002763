//! How many requests a key may make: a rate and a burst, as in an API Gateway usage plan (a token bucket).

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The plan of one API key.
#[derive(Debug)]
pub struct UsagePlan {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl UsagePlan {
    /// `rate` requests a second in the long run, `burst` at once.
    #[must_use]
    pub fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self { limiter: RateLimiter::direct(quota), clock: DefaultClock::default() }
    }

    /// Takes one request from the plan; if it is spent, how long to wait.
    pub fn admit(&self) -> Result<(), Duration> {
        self.limiter.check().map_err(|spent| spent.wait_time_from(self.clock.now()))
    }
}
