//! POST on a warm environment, against an empty function and the bare statement together: what is above that
//! sum is what reading, checking and acknowledging a batch takes.

use crate::bench::caller::Caller;
use crate::bench::event;
use crate::bench::report::Line;
use crate::bench::samples::{Samples, rounds};
use crate::bench::statement::{Connection, insert_of};
use crate::bench::testbed::{EMPTY, Mode, Testbed, WRITTEN};
use crate::error::LabError;

/// The three sides. Without TLS, which would add the same to both and so flatter the ratio.
struct Sides {
    empty: Caller,
    function: Caller,
    bare: Connection,
}

/// Batch by batch, since the server is busy for a while after a large one.
pub(crate) async fn measure(testbed: &Testbed, count: u32) -> Result<Vec<Line>, LabError> {
    let mut sides = Sides {
        empty: Caller::start(testbed, EMPTY, WRITTEN, Mode::Plain).await?,
        function: Caller::start(testbed, "post-log", WRITTEN, Mode::Plain).await?,
        bare: testbed.connection(WRITTEN).await?,
    };
    // The middle one has no target: it lies between the two that have one.
    let lines = vec![
        sides.measure(1, Key::None, count).await?.at_most_times(1.15),
        sides.measure(100, Key::None, count).await?.times(),
        sides.measure(1000, Key::None, count).await?.at_most_times(1.15),
        sides.measure(1, Key::New, count).await?.at_most_times(2.2),
        sides.measure(1000, Key::New, count).await?.at_most_times(1.3),
    ];
    sides.empty.stop().await;
    sides.function.stop().await;
    Ok(lines)
}

/// What stands under `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    None,
    /// Another one each time: the ledger gets a row, in one transaction with the logs.
    New,
}

impl Sides {
    async fn measure(&mut self, codes: usize, key: Key, count: u32) -> Result<Line, LabError> {
        let insert = insert_of(codes);
        let mut empty = [Samples::default(), Samples::default()];
        let (mut function, mut bare) = (Samples::default(), Samples::default());
        for _ in rounds(count) {
            let event = match key {
                Key::None => event::post(codes),
                Key::New => event::post_once(codes, &uuid::Uuid::new_v4().to_string()),
            };
            // An empty call before each of the two that write, so that neither has the better place.
            empty[0].add(self.empty.call(&event).await?);
            bare.add(self.bare.time(&insert).await?);
            empty[1].add(self.empty.call(&event).await?);
            function.add(self.function.call(&event).await?);
        }
        // What ran before decides on which core a process wakes up, and so on half of an empty call's time: there
        // are two heaps of times, and the median of both together would fall into either.
        let empty = f64::midpoint(empty[0].median(), empty[1].median());
        let bare = bare.median();
        let codes = format!("{codes} {}", if codes == 1 { "code" } else { "codes" });
        let what = format!("POST of {codes}{}", if key == Key::New { ", with a key" } else { "" });
        let line = Line::milliseconds(what, function.median());
        Ok(match key {
            Key::None => line.against(&format!("empty function {empty:.3} + bare INSERT {bare:.3}"), empty + bare),
            // A transaction where the other side has one statement: the whole of it counts.
            Key::New => line.against("bare INSERT", bare),
        })
    }
}
