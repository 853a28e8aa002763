//! Many times of one thing.

use std::time::Duration;

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
    /// Takes down one round.
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// In milliseconds, over the rounds that count.
    pub(crate) fn median(&self) -> f64 {
        let mut counted: Vec<_> = self.0.iter().skip(WARM_UP as usize).collect();
        counted.sort();
        counted.get(counted.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(counted: &[u64]) -> f64 {
        let mut samples = Samples::default();
        for _ in 0..WARM_UP {
            samples.add(Duration::from_mins(1));
        }
        for milliseconds in counted {
            samples.add(Duration::from_millis(*milliseconds));
        }
        samples.median()
    }

    #[test]
    fn the_median_ignores_the_first_rounds_and_how_far_off_the_worst_is() {
        assert!((median(&[4, 1, 9_000, 2, 3]) - 3.0).abs() < f64::EPSILON);
    }
}
