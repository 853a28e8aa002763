//! The handlers themselves, in this process: with a clock that stands still, and a store that is away.

use std::time::Duration;

use edge::Handler;
use get_logs::{Cache, GetLogs};
use lambda_http::{Context, Request, RequestExt};
use logs_core::clock::Moment;
use logs_core::metrics::Metrics;
use logs_core::{Deadline, Store};
use post_log::{Destination, DeviceRates, PostLog};
use serde_json::{Value, json};

use crate::harness::{AnyStore, Database, on_every_store, record};

on_every_store!(a_log_is_dated_by_the_services_clock, a_deadline_that_has_passed_sends_nothing,);

const NOW: i64 = 1_764_000_000;

fn request(body: &Value) -> Request {
    request_by(body, Deadline::within(Duration::from_secs(25)))
}

fn request_by(body: &Value, deadline: Deadline) -> Request {
    let mut request = Request::new(body.to_string().into()).with_lambda_context(Context::default());
    request.extensions_mut().insert(deadline);
    request
}

fn post_log(store: Store) -> PostLog {
    let clock = || Duration::from_secs(NOW.unsigned_abs());
    PostLog {
        destination: Destination::Store(store),
        device_rates: None,
        clock,
        metrics: Metrics::from_environment(&|_| None),
    }
}

async fn a_log_is_dated_by_the_services_clock(store: AnyStore) {
    let answer = post_log(store.store()).handle(request(&record("a", 1, NOW - 5))).await;
    assert_eq!(answer.status(), 200);
    let metrics = Metrics::from_environment(&|_| None);
    let get_logs = GetLogs { store: store.store(), cache: Cache::default(), clock: Moment::now, metrics };
    let answer = get_logs.handle(request(&Value::Null)).await;
    let listed: Value = serde_json::from_str(answer.body()).expect("JSON");
    let expected =
        json!([{ "error_log_id": 1, "device_id": "a", "error_code": 1, "timestamp": NOW - 5, "received_at": NOW }]);
    assert_eq!(listed, json!({ "result": expected, "as_of": NOW }));
}

#[tokio::test]
async fn an_invalid_request_is_refused_without_calling_the_database() {
    // No server listens there, so a call of the database would give 503.
    let away = Database { url: "mysql://nobody:x@127.0.0.1:1/Error_Logs".to_owned() };
    let function = post_log(away.store());
    for (request, status) in [
        (request(&json!([])), 400),
        (request(&json!([{ "deviceID": "a" }])), 400),
        (request(&json!(vec![1; 1001])), 413),
        (request(&record("a", 1, 1)), 503),
    ] {
        assert_eq!(function.handle(request).await.status(), status);
    }
}

#[tokio::test]
async fn what_could_not_be_stored_costs_a_device_nothing_of_its_rate() {
    let away = Database { url: "mysql://nobody:x@127.0.0.1:1/Error_Logs".to_owned() };
    let device_rates = DeviceRates::from_environment(&|_| Some("1".to_owned())).expect("it is a rate");
    let function = PostLog { device_rates, ..post_log(away.store()) };
    for _ in 0..2 {
        let request = request(&json!(vec![record("a", 1, 1); 5]));
        assert_eq!(function.handle(request).await.status(), 503);
    }
}

async fn a_deadline_that_has_passed_sends_nothing(store: AnyStore) {
    let function = post_log(store.store());
    function.handle(request(&record("before", 1, 1))).await;
    let late = request_by(&record("late", 1, 1), Deadline::within(Duration::ZERO));
    assert_eq!(function.handle(late).await.status(), 503);
    assert_eq!(store.count().await, 1);
}
