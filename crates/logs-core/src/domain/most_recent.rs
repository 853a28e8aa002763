//! A stored error code, and the list of the most recent ones.

use serde::Serialize;

use super::Position;

/// A stored error code, as a dashboard sees it. The names are the contract's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    error_log_id: u64,
    device_id: String,
    error_code: i32,
    timestamp: i64,
    received_at: i64,
}

impl Log {
    /// A row of the store. Both times are in Unix seconds.
    pub(crate) fn new(error_log_id: u64, device_id: String, error_code: i32, timestamp: i64, received_at: i64) -> Self {
        Self { error_log_id, device_id, error_code, timestamp, received_at }
    }

    /// The unique id that the store assigned.
    pub fn error_log_id(&self) -> u64 {
        self.error_log_id
    }

    /// The device that reported it.
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// The device's error code.
    pub fn error_code(&self) -> i32 {
        self.error_code
    }

    /// When the error occurred, in Unix seconds by the device's clock. As sent, even if that clock is wrong.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// When the service received it, in Unix seconds.
    pub fn received_at(&self) -> i64 {
        self.received_at
    }
}

/// The response to a GET: `{"result":[…],"as_of":1764000000,"next":"…"}`, most recent first: by
/// [`ranked_at`](crate::ranked_at), then by `error_log_id`, both descending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MostRecent {
    /// The logs.
    pub result: Vec<Log>,
    /// The newest `received_at` of all logs that are stored, listed or not. `None` if there are none. Logs that went
    /// through the queue can arrive out of order, so it need not be that of the log which was stored last.
    pub as_of: Option<i64>,
    /// The value of `before` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Position>,
}

impl MostRecent {
    /// The number of logs in a list unless the query asks for another.
    pub const LIMIT: u32 = 10;

    /// A list of up to `limit` logs. `found` has one more than that if there is a next page.
    pub(crate) fn of(mut found: Vec<Log>, limit: u32, as_of: Option<i64>) -> Self {
        let limit = limit as usize;
        let next = if found.len() > limit { found.get(limit.saturating_sub(1)).map(Position::of) } else { None };
        found.truncate(limit);
        Self { result: found, as_of, next }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn the_list_in_json_is_as_in_the_contract() {
        let log = Log::new(42, "any_device_token".to_owned(), 107, 1_514_864_773, 1_764_000_000);
        let expected = json!({"result": [{
            "error_log_id": 42,
            "device_id": "any_device_token",
            "error_code": 107,
            "timestamp": 1_514_864_773,
            "received_at": 1_764_000_000,
        }], "as_of": 1_764_000_005});
        let most_recent = MostRecent { result: vec![log], as_of: Some(1_764_000_005), next: None };
        assert_eq!(to_value(most_recent).unwrap(), expected);
    }

    #[test]
    fn each_part_of_a_log_is_told_as_it_was_stored() {
        let log = Log::new(42, "device".to_owned(), 107, 1_514_864_773, 1_764_000_000);
        assert_eq!((log.error_log_id(), log.device_id(), log.error_code()), (42, "device", 107));
        assert_eq!((log.timestamp(), log.received_at()), (1_514_864_773, 1_764_000_000));
    }

    #[test]
    fn a_list_says_where_it_goes_on_while_there_is_more() {
        let logs =
            |count: u64| (1..=count).rev().map(|id| Log::new(id, "d".to_owned(), 1, 5_000_000_000, 5_000_000_000));
        let list = |count| MostRecent::of(logs(count).collect(), 2, None);
        assert_eq!(list(2).next, None);
        assert_eq!(to_value(list(3)).unwrap()["next"], "5000000000-2");
        assert_eq!(list(3).result.len(), 2);
        assert_eq!(MostRecent::of(Vec::new(), 2, None).next, None);
    }

    #[test]
    fn an_empty_list_has_no_as_of() {
        let nothing = MostRecent { result: Vec::new(), as_of: None, next: None };
        assert_eq!(to_value(nothing).unwrap(), json!({"result": [], "as_of": null}));
    }

    #[test]
    fn the_largest_numbers_and_the_oddest_names_survive() {
        let log = Log::new(u64::MAX, "\0\"\\\u{2028}😀".to_owned(), i32::MIN, crate::Timestamp::MAX, i64::MAX);
        let text = serde_json::to_string(&log).unwrap();
        assert!(text.contains("\"error_log_id\":18446744073709551615,"), "{text}");
        assert!(text.contains("\"error_code\":-2147483648,"), "{text}");
        assert!(text.contains("\"timestamp\":253402300799,"), "{text}");
        let read_back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read_back["device_id"], "\0\"\\\u{2028}😀");
    }
}
