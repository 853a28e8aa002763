//! A usage plan with rate and burst, as in API Gateway (a token bucket).

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
    /// `rate` is in requests per second.
    pub fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst);
        Self { limiter: RateLimiter::direct(quota), clock: DefaultClock::default() }
    }

    /// Counts one request. The error says how long to wait.
    pub fn admit(&self) -> Result<(), Duration> {
        self.limiter.check().map_err(|spent| spent.wait_time_from(self.clock.now()))
    }
}
