//! How long to wait before the next try.

use std::time::Duration;

use uuid::Uuid;

/// The first pause. As short as a database on the way back deserves.
const FIRST: Duration = Duration::from_millis(50);

/// The longest one.
const LONGEST: Duration = Duration::from_millis(200);

/// Backoff that get longer, each with up to a quarter more by chance: environments that lost the database together do not
/// come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    /// Waits.
    pub(super) async fn next(&mut self) {
        let pause = length(self.0, Uuid::new_v4().as_bytes()[0]);
        self.0 += 1;
        tokio::time::sleep(pause).await;
    }

    /// Waits, but not the first time.
    pub(super) async fn after_the_first(&mut self) {
        match self.0 {
            0 => self.0 = 1,
            _ => self.next().await,
        }
    }
}

fn length(earlier: u32, chance: u8) -> Duration {
    let pause = LONGEST.min(FIRST * 2_u32.saturating_pow(earlier.min(8)));
    pause + pause * u32::from(chance) / 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_fifth_of_a_second_and_chance_adds_up_to_a_quarter() {
        let lengths = |chance| [0, 1, 2, 3, u32::MAX].map(|earlier| length(earlier, chance).as_millis());
        assert_eq!(lengths(0), [50, 100, 200, 200, 200]);
        assert_eq!(lengths(255), [62, 124, 249, 249, 249]);
    }

    #[tokio::test]
    async fn the_first_try_waits_for_nothing_and_the_second_for_the_first_pause() {
        let mut pauses = Backoff::default();
        pauses.after_the_first().await;
        assert_eq!(pauses.0, 1);
        let before = tokio::time::Instant::now();
        pauses.after_the_first().await;
        assert!(before.elapsed() >= length(1, 0), "{:?}", before.elapsed());
        assert_eq!(pauses.0, 2);
    }
}
