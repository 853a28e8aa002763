//! Input that a tired firmware author or an attacker sends, through the real binary: a clear answer, no 5xx, no
//! panic, and the neighbours untouched. The parser's own tests are in logs-core.

use serde_json::{Value, json};

use crate::harness::{AnyStore, FunctionRun, body_event, event, on_every_store, record};

on_every_store!(
    bodies_without_a_good_record_are_refused_by_one_process_that_goes_on,
    every_wrong_field_is_named_and_its_neighbours_are_stored,
    ids_that_look_like_an_attack_are_stored_as_they_are,
    a_body_that_is_not_utf8_or_is_empty_behind_base64_is_refused,
    an_event_without_headers_is_accepted,
    the_largest_body_is_taken_and_at_most_a_hundred_errors_are_listed,
    of_a_key_that_comes_twice_the_last_counts_and_two_payloads_are_refused,
);

fn post_log(store: AnyStore) -> (AnyStore, FunctionRun) {
    let function = store.function("post-log");
    (store, function)
}

async fn bodies_without_a_good_record_are_refused_by_one_process_that_goes_on(store: AnyStore) {
    let (store, function) = post_log(store);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let deep_object = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    let many = json!(vec![record("a", 1, 1); 1001]).to_string();
    let commas = format!("[{}1]", "1,".repeat(500_000));
    let large = format!("[{}]", " ".repeat((1 << 20) - 1));
    let cases = [
        ("", 400),
        (" \n", 400),
        ("no JSON", 400),
        ("[{\"deviceID\":\"a\",", 400),
        ("null", 400),
        ("7", 400),
        ("\"text\"", 400),
        ("true", 400),
        ("[]", 400),
        ("{}", 400),
        ("{\"payload\":[]}", 400),
        ("{\"payload\":{}}", 400),
        ("[[]]", 400),
        ("[[[{}]]]", 400),
        ("[null]", 400),
        ("[{}]", 400),
        ("{\"payload\":null}", 400),
        (&deep, 400),
        (&deep_object, 400),
        (&many, 413),
        (&commas, 413),
        (&large, 413),
        ("[1]]", 400),
        ("{\"err\":1}", 400),
    ];
    for (body, status) in cases {
        let answer = function.send(body).await;
        let start: String = body.chars().take(40).collect();
        assert_eq!(answer.status, status, "{start}: {:?}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["status"], status);
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{start}");
    }
    let before = function.process_ids();
    assert_eq!(function.send(&record("a", 1, 1).to_string()).await.status, 200);
    assert_eq!(function.process_ids(), before);
    assert_eq!(store.count().await, 1);
}

async fn every_wrong_field_is_named_and_its_neighbours_are_stored(store: AnyStore) {
    let (store, function) = post_log(store);
    let long = "🦀".repeat(256);
    let wrong = [
        (json!({ "deviceID": "d", "err": 107.5, "timestamp": 1 }), "err", "not_an_integer"),
        (json!({ "deviceID": "d", "err": "107", "timestamp": 1 }), "err", "not_an_integer"),
        (json!({ "deviceID": "d", "err": 2_147_483_648_i64, "timestamp": 1 }), "err", "out_of_range"),
        (json!({ "deviceID": "d", "err": true, "timestamp": 1 }), "err", "not_an_integer"),
        (json!({ "deviceID": "d", "err": null, "timestamp": 1 }), "err", "not_an_integer"),
        (json!({ "deviceID": "d", "timestamp": 1 }), "err", "missing"),
        (json!({ "deviceID": "", "err": 1, "timestamp": 1 }), "deviceID", "empty"),
        (json!({ "deviceID": long, "err": 1, "timestamp": 1 }), "deviceID", "too_long"),
        (json!({ "deviceID": 5, "err": 1, "timestamp": 1 }), "deviceID", "not_a_string"),
        (json!({ "deviceID": "d", "err": 1, "timestamp": -1 }), "timestamp", "out_of_range"),
        (json!({ "deviceID": "d", "err": 1, "timestamp": 1_514_864_773_000_i64 }), "timestamp", "out_of_range"),
        (json!({ "deviceID": "d", "err": 1, "timestamp": "1514864773" }), "timestamp", "not_a_number"),
    ];
    for (index, (bad, field, code)) in wrong.iter().enumerate() {
        let left = record("left", index.try_into().expect("few"), 1);
        let answer = function.send(&json!([left, bad, record("right", 1, 1)]).to_string()).await;
        assert_eq!((answer.status, &answer.body["accepted"]), (200, &json!(2)), "{bad}");
        let errors = answer.body["errors"].as_array().expect("errors is an array");
        assert_eq!(errors.len(), 1, "{bad}");
        assert_eq!(
            (&errors[0]["index"], &errors[0]["field"], &errors[0]["code"]),
            (&json!(1), &json!(field), &json!(code))
        );
    }
    assert_eq!(store.count().await, 2 * i64::try_from(wrong.len()).expect("few"));
}

async fn ids_that_look_like_an_attack_are_stored_as_they_are(store: AnyStore) {
    let (store, function) = post_log(store);
    let longest = "𝕏".repeat(255);
    let ids = ["'; DROP TABLE Logs; --", "a\0b", "\"quoted\" 'twice' \\", "\u{202e}right to left", &longest];
    let body: Vec<Value> = ids.iter().map(|id| record(id, 1, 1)).collect();
    assert_eq!(function.send(&json!(body).to_string()).await.body["accepted"], ids.len());
    let get = store.function("get-logs");
    let listed = get.invoke(&event()).await.expect("it answers").body;
    let listed: Vec<_> =
        listed["result"].as_array().expect("a list").iter().rev().map(|log| &log["device_id"]).collect();
    assert_eq!(listed, ids.iter().map(|id| json!(id)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}

async fn a_body_that_is_not_utf8_or_is_empty_behind_base64_is_refused(store: AnyStore) {
    let (store, function) = post_log(store);
    for (base64, detail) in [("gICA", "UTF-8"), ("", "empty")] {
        let mut event = body_event(base64);
        event["isBase64Encoded"] = true.into();
        let answer = function.invoke(&event).await.expect("it answers");
        assert_eq!(answer.status, 400);
        assert!(
            answer.body["detail"].as_str().is_some_and(|text| text.contains(detail)),
            "{base64}: {:?}",
            answer.body
        );
    }
    assert_eq!(store.count().await, 0);
}

async fn an_event_without_headers_is_accepted(store: AnyStore) {
    let (store, function) = post_log(store);
    for (pointer, value) in [
        ("/headers", json!({ "Host": "a.example:8443", "X-Forwarded-Proto": "https" })),
        ("/headers", json!({})),
        ("/headers", json!(null)),
        ("/multiValueHeaders", json!(null)),
    ] {
        let mut event = body_event(&record("a", 1, 1).to_string());
        *event.pointer_mut(pointer).expect("the event has that") = value;
        assert_eq!(function.invoke(&event).await.unwrap_or_else(|error| panic!("{error}: {event}")).status, 200);
    }
    assert_eq!(store.count().await, 4);
}

async fn the_largest_body_is_taken_and_at_most_a_hundred_errors_are_listed(store: AnyStore) {
    let (store, function) = post_log(store);
    let mut records = vec![json!({ "deviceID": 1 }); 999];
    records.push(record("good", 1, 1));
    let body = json!(records).to_string();
    let padded = " ".repeat((1 << 20) - body.len()) + &body;
    let answer = function.send(&padded).await;
    assert_eq!((answer.status, &answer.body["rejected"]), (200, &json!(999)));
    assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(100));
    assert_eq!(store.count().await, 1);
}

async fn of_a_key_that_comes_twice_the_last_counts_and_two_payloads_are_refused(store: AnyStore) {
    let (store, function) = post_log(store);
    let answer = function.send(r#"{"deviceID":"a","err":1,"err":2,"timestamp":1}"#).await;
    assert_eq!(answer.status, 200);
    let answer = function.send(r#"{"payload":[{"deviceID":"lost?","err":1,"timestamp":1}],"payload":[]}"#).await;
    assert_eq!(answer.status, 400);
    let most_recent = store.store().most_recent(crate::harness::in_time()).await.expect("the database is there");
    assert_eq!(most_recent.result.iter().map(logs_core::Log::error_code).collect::<Vec<_>>(), [2]);
}
