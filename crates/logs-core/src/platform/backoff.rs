//! How long to wait before the next try.

use std::time::Duration;

use uuid::Uuid;

/// The first pause. Short, because a store that restarts is often back soon.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause.
const MAX: Duration = Duration::from_millis(200);

/// Exponential backoff with up to a quarter of jitter, so that environments which lost the store together do not come
/// back together.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    /// Waits for the next pause.
    pub(crate) async fn next(&mut self) {
        let pause = length(self.0, Uuid::new_v4().as_bytes()[0]);
        self.0 += 1;
        tokio::time::sleep(pause).await;
    }

    /// Returns at once the first time, then waits.
    pub(crate) async fn after_the_first(&mut self) {
        match self.0 {
            0 => self.0 = 1,
            _ => self.next().await,
        }
    }
}

fn length(earlier: u32, random: u8) -> Duration {
    let pause = MAX.min(FIRST * 2_u32.saturating_pow(earlier.min(8)));
    pause + pause * u32::from(random) / 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_fifth_of_a_second_and_jitter_adds_up_to_a_quarter() {
        let lengths = |random| [0, 1, 2, 3, u32::MAX].map(|earlier| length(earlier, random).as_millis());
        assert_eq!(lengths(0), [50, 100, 200, 200, 200]);
        assert_eq!(lengths(255), [62, 124, 249, 249, 249]);
    }

    #[tokio::test]
    async fn the_first_retry_is_immediate_and_the_second_waits() {
        let mut backoff = Backoff::default();
        let returns_at_once = tokio::time::timeout(Duration::ZERO, backoff.after_the_first()).await;
        assert!(returns_at_once.is_ok());
        assert_eq!(backoff.0, 1);
        let before = tokio::time::Instant::now();
        backoff.after_the_first().await;
        assert!(before.elapsed() >= length(1, 0), "{:?}", before.elapsed());
        assert_eq!(backoff.0, 2);
    }
}
