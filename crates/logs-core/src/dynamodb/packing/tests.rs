use proptest::prelude::*;

use super::*;
use crate::Log;

fn logs(count: u64, id: impl Fn(u64) -> String) -> Vec<Log> {
    let log = |number: u64| {
        let at = 1_764_000_000 + i64::try_from(number % 97).unwrap();
        Log::new(1_000_001 + number, id(number), i32::try_from(number * 7919 % 1000).unwrap(), at, 1_764_000_100)
    };
    (0..count).map(log).collect()
}

fn entries(logs: &[Log]) -> Vec<Entry<'_>> {
    let entry = |log| Entry::of(log);
    logs.iter().map(entry).collect()
}

impl<'a> Entry<'a> {
    fn of(log: &'a Log) -> Self {
        Self {
            id: log.error_log_id(),
            device_id: log.device_id(),
            error_code: log.error_code(),
            timestamp: log.timestamp(),
            received_at: log.received_at(),
        }
    }
}

#[test]
fn what_is_packed_comes_back_whole() {
    let logs = logs(1_000, |number| format!("ünïcödé \0 {}", number % 50));
    for is_excerpt in [false, true] {
        assert_eq!(unpack(&pack(&entries(&logs), is_excerpt)), Ok(Unpacked { is_excerpt, logs: logs.clone() }));
    }
}

#[test]
fn the_codes_of_a_batch_need_few_bytes() {
    let size = |count, step: u64| {
        let logs = logs(count, |number| format!("device-{:05}", number * step % 100_000));
        pack(&entries(&logs), false).len()
    };
    for (count, most) in [(1, 45), (10, 140), (100, 900), (1_000, 8_500)] {
        assert!(size(count, 7_919) <= most, "{count}: {}", size(count, 7_919));
        assert!(size(count, 0) <= most, "{count} of one device: {}", size(count, 0));
    }
}

#[test]
fn bytes_that_are_none_of_ours_are_refused_and_nothing_panics() {
    let logs = logs(20, |number| format!("device-{number}"));
    let packed = pack(&entries(&logs), false);
    for cut in 0..packed.len() {
        assert_eq!(unpack(&packed[..cut]), Err(Unreadable), "{cut}");
    }
    for bytes in [&[][..], &[0], &[3, 0], &[PLAIN], &[PLAIN, 0xff], &[PLAIN, 2, 0, 0], &[DEFLATED, 1, 2, 3]] {
        assert_eq!(unpack(bytes), Err(Unreadable), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn any_logs_come_back(rows in prop::collection::vec((0..1_u64 << 53, ".{1,40}", any::<i32>(), any::<i64>(), any::<i64>()), 0..30)) {
        let logs: Vec<Log> = rows.into_iter().map(|(id, device, code, at, received)| Log::new(id, device, code, at, received)).collect();
        prop_assert_eq!(unpack(&pack(&entries(&logs), false)).unwrap().logs, logs);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = unpack(&[&[PLAIN], &*bytes].concat());
        let _ = unpack(&bytes);
    }
}
