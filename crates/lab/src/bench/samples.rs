//! Repeated timings of one call, and their median.

use std::time::Duration;

use crate::bench::caller::Caller;
use crate::bench::event::Event;
use crate::error::LabError;
use crate::figures::median;

/// Rounds that do not count: caches fill, statements get prepared.
const WARM_UP: u32 = 5;

/// The rounds to run, so that `counted` of them count.
pub(crate) fn rounds(counted: u32) -> std::ops::Range<u32> {
    0..WARM_UP + counted
}

/// The time of each round.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// In milliseconds, without the warm-up.
    pub(crate) fn median(&self) -> f64 {
        median(self.0.iter().skip(WARM_UP as usize).map(|time| time.as_secs_f64() * 1_000.0))
    }
}

/// The median of each call in milliseconds. A round makes all of them. The order is reversed every other round, because
/// the first call finds the server rested.
pub(crate) async fn in_turns<const N: usize>(calls: [(&Caller, &Event); N], count: u32) -> Result<[f64; N], LabError> {
    let mut samples: [Samples; N] = std::array::from_fn(|_| Samples::default());
    for round in rounds(count) {
        for turn in 0..N {
            let side = if round % 2 == 0 { turn } else { N - 1 - turn };
            let (caller, event) = calls[side];
            samples[side].add(caller.call(event).await?);
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
