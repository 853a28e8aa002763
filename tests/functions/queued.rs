//! post-log in queued mode: a real binary, SQS as moto plays it, and store-logs behind it.

use local::moto::{KEY, REGION};
use local::queue::{Queues, RedrivePolicy};
use serde_json::{Value, json};

use crate::harness::{AnyStore, FunctionRun, Moto, body_event, keyed_event, on_every_store, record};

on_every_store!(
    a_batch_is_acknowledged_with_202_and_stored_from_the_queue,
    a_repeated_batch_is_stored_once_with_a_key_and_twice_without,
    a_retry_that_meets_the_other_mode_is_stored_once,
    a_thousand_codes_and_a_whole_megabyte_are_one_message_each,
);

/// A queue, and post-log before it.
pub(super) struct Queued {
    moto: Moto,
    queues: Queues,
    pub(super) post_log: FunctionRun,
}

impl Queued {
    async fn start() -> Self {
        Self::start_with(Moto::start().await, &[]).await
    }

    pub(super) async fn start_with(moto: Moto, more: &[(&str, &str)]) -> Self {
        let policy = RedrivePolicy { visibility_timeout: 60, max_receive_count: 5 };
        let queues = Queues::create(moto.url(), REGION, policy).await.expect("queues can be made");
        let variables = [
            ("QUEUE_URL", queues.queue.url()),
            ("AWS_ENDPOINT_URL_SQS", moto.url()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
        ];
        let post_log = FunctionRun::new("post-log", &[&variables, more].concat());
        Self { moto, queues, post_log }
    }

    pub(super) async fn send(&self, key: Option<&str>, body: &str) -> (u16, Value) {
        let answer = self.post_log.invoke(&keyed_event(key, body)).await.expect("it answers");
        if answer.status == 503 {
            assert_eq!(answer.headers["retry-after"], "1");
        }
        (answer.status, answer.body)
    }

    /// All messages that there are, as JSON.
    pub(super) async fn receive(&self) -> Vec<Value> {
        let mut bodies = Vec::new();
        loop {
            let messages = self.queues.queue.receive(10, 0).await.expect("moto answers");
            if messages.is_empty() {
                return bodies;
            }
            let body = |message: &local::queue::Message| message.body.clone().expect("a message has a body");
            bodies.extend(messages.iter().map(|message| serde_json::from_str(&body(message)).expect("it is JSON")));
        }
    }
}

/// Has store-logs store messages; how many it gives back.
pub(super) async fn store_messages(store: &AnyStore, messages: &[Value]) -> usize {
    let records: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(place, message)| json!({ "messageId": place.to_string(), "body": message.to_string() }))
        .collect();
    let function = store.function("store-logs");
    let answer = function.run(&json!({ "Records": records })).await.expect("it answers");
    answer["batchItemFailures"].as_array().expect("a list").len()
}

async fn a_batch_is_acknowledged_with_202_and_stored_from_the_queue(store: AnyStore) {
    let queued = Queued::start().await;
    let body = json!([record("a", 1, 5), { "deviceID": "b", "err": "x", "timestamp": 1 }, record("c", 3, 7)]);
    let (status, receipt) = queued.send(None, &body.to_string()).await;
    assert_eq!(status, 202, "{}", queued.post_log.log());
    assert_eq!(
        (&receipt["accepted"], &receipt["rejected"], &receipt["duplicate"]),
        (&json!(2), &json!(1), &json!(false))
    );
    assert_eq!(receipt["errors"][0]["code"], "not_an_integer");
    assert!(receipt["request_id"].as_str().is_some_and(|id| !id.is_empty()));

    let messages = queued.receive().await;
    assert_eq!((messages.len(), store_messages(&store, &messages).await), (1, 0));
    assert_eq!(messages[0]["logs"], json!([["a", 1, 5], ["c", 3, 7]]));
    assert_eq!(store.count().await, 2);
}

async fn a_repeated_batch_is_stored_once_with_a_key_and_twice_without(store: AnyStore) {
    let queued = Queued::start().await;
    let body = record("a", 1, 1).to_string();
    for key in [Some("k"), Some("k"), None, None] {
        let (status, receipt) = queued.send(key, &body).await;
        assert_eq!((status, &receipt["duplicate"]), (202, &json!(false)), "the queue asks no ledger");
    }
    let messages = queued.receive().await;
    assert_eq!((messages.len(), store_messages(&store, &messages).await), (4, 0));
    assert_eq!(store.count().await, 3);
}

async fn a_retry_that_meets_the_other_mode_is_stored_once(store: AnyStore) {
    let queued = Queued::start().await;
    // With a rejected record: the fingerprint has to travel along.
    let body = json!([record("a", 1, 1), 7]).to_string();
    assert_eq!(queued.send(Some("k"), &body).await.0, 202);
    assert_eq!(store_messages(&store, &queued.receive().await).await, 0);
    let direct = store.function("post-log");
    let answer = direct.invoke(&keyed_event("k", &body)).await.expect("it answers");
    assert_eq!((answer.status, &answer.body["duplicate"]), (200, &json!(true)));
    assert_eq!(store.count().await, 1);
}

async fn a_thousand_codes_and_a_whole_megabyte_are_one_message_each(store: AnyStore) {
    let queued = Queued::start().await;
    let thousand = json!((0..1000).map(|number| record("any_device_token", number, 1)).collect::<Vec<_>>()).to_string();
    // Names as long as they may be, of characters as long as there are: hardly anything of it is lost in the message.
    let long = record(&"\u{1f6a8}".repeat(255), 1, 1).to_string();
    let count = ((1 << 20) - "[]".len() + ",".len()) / (long.len() + ",".len());
    let megabyte = format!("[{}]", vec![long.as_str(); count].join(","));
    assert!(megabyte.len() <= 1 << 20 && megabyte.len() + long.len() > 1 << 20, "{}", megabyte.len());
    for body in [&thousand, &megabyte] {
        assert_eq!(queued.send(None, body).await.0, 202, "{}", queued.post_log.log());
    }
    let messages = queued.receive().await;
    let longest = messages.iter().map(|message| message.to_string().len()).max();
    assert!(longest.is_some_and(|bytes| bytes > 1_000_000), "{longest:?}");
    assert_eq!((messages.len(), store_messages(&store, &messages).await), (2, 0));
    assert_eq!(store.count().await, 1000 + i64::try_from(count).expect("some hundreds"));
}

#[tokio::test]
async fn an_invalid_batch_is_refused_before_the_queue_is_called() {
    let queued = Queued::start().await;
    let noncharacters = record(&"\u{ffff}".repeat(255), 1, 1).to_string();
    let no_message = format!("[{}]", vec![noncharacters; 1000].join(","));
    for (key, body, status) in [
        (None, "", 400),
        (None, "[]", 400),
        (None, "[{}]", 400),
        (Some("a b"), "[]", 400),
        (None, &format!("[{}]", vec!["1"; 1001].join(",")), 413),
        (None, &no_message, 413),
    ] {
        let (answered, problem) = queued.send(key, body).await;
        assert_eq!((answered, &problem["status"]), (status, &json!(status)));
    }
    assert_eq!(queued.receive().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_queue_that_is_away_or_refuses_is_503_and_nothing_about_the_inside() {
    let mut queued = Queued::start_with(Moto::start_denying("AmazonSQS.SendMessage").await, &[]).await;
    let body = record("a", 1, 1).to_string();
    let (status, problem) = queued.send(Some("k"), &body).await;
    assert_eq!((status, problem["detail"].as_str()), (503, Some("the store is out of reach; send the request again")));
    assert!(queued.post_log.log().contains("is not authorized"), "the log says why: {}", queued.post_log.log());
    assert_eq!(queued.receive().await.len(), 0);
    queued.moto.stop().await;
    assert_eq!(queued.send(Some("k"), &body).await.0, 503);
}

#[tokio::test]
async fn queued_mode_needs_no_database_and_an_invalid_queue_url_ends_the_start() {
    let function = FunctionRun::new("post-log", &[("QUEUE_URL", "error-codes")]);
    function.invoke(&body_event("[]")).await.expect_err("it does not start");
    assert!(function.log().contains("QUEUE_URL cannot be used: it must be a URL"), "{}", function.log());
}
