//! Many times of one thing.

use std::time::Duration;

use crate::bench::caller::Caller;
use crate::bench::event::Event;
use crate::error::LabError;
use crate::figures::median;

/// Rounds before those that count: caches fill, statements get prepared.
const WARM_UP: u32 = 5;

/// The rounds to run so that this many count.
pub(crate) fn rounds(counted: u32) -> std::ops::Range<u32> {
    0..WARM_UP + counted
}

/// How long something took, in each round.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// In milliseconds, over the rounds that count.
    pub(crate) fn median(&self) -> f64 {
        median(self.0.iter().skip(WARM_UP as usize).map(|time| time.as_secs_f64() * 1_000.0))
    }
}

/// The median of each of these calls, in milliseconds. A round makes all of them, in this order.
pub(crate) async fn in_turns<const N: usize>(calls: [(&Caller, &Event); N], count: u32) -> Result<[f64; N], LabError> {
    let mut samples: [Samples; N] = std::array::from_fn(|_| Samples::default());
    for _ in rounds(count) {
        for ((caller, event), samples) in calls.into_iter().zip(&mut samples) {
            samples.add(caller.call(event).await?);
        }
    }
    Ok(samples.map(|samples| samples.median()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rounds_do_not_count() {
        let mut samples = Samples::default();
        for milliseconds in [60_000; WARM_UP as usize].into_iter().chain([4, 1, 9_000, 2, 3]) {
            samples.add(Duration::from_millis(milliseconds));
        }
        assert!((samples.median() - 3.0).abs() < f64::EPSILON);
    }
}
