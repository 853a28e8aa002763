//! What a device appended to a file while it was offline, and what it sends without knowing the time.

use serde_json::{Value, json};

use crate::harness::{Database, Product, gzip, record};

const NDJSON: &str = "application/x-ndjson";

fn lines(count: i64) -> String {
    (0..count).map(|number| record("offline", number, 1_764_000_000 + number).to_string() + "\n").collect()
}

async fn post(product: &Product, body: Vec<u8>, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = product.post(body).header("content-type", NDJSON);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("the gateway answers");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_file_of_lines_is_stored_completely_compressed_or_not() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let (status, receipt) = post(&product, lines(1000).into_bytes(), &[]).await;
    assert_eq!((status, &receipt["accepted"]), (200, &json!(1000)));
    let (status, receipt) =
        post(&product, gzip(lines(7).replace('\n', "\r\n").as_bytes()), &[("content-encoding", "gzip")]).await;
    assert_eq!((status, &receipt["accepted"]), (200, &json!(7)));
    let packed = gzip(lines(1000).as_bytes());
    let cut = packed[..packed.len() / 2].to_vec();
    let (status, _) = post(&product, cut, &[("content-encoding", "gzip")]).await;
    assert_eq!((status, database.count().await), (400, 1007), "half of a packed file is nothing");
    let (status, _) = post(&product, lines(1001).into_bytes(), &[]).await;
    assert_eq!((status, database.count().await), (413, 1007));
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_rejected_and_the_others_are_stored() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let good = record("ünïcödé", 1, 1_764_000_000).to_string();
    let cut = good.find('ü').expect("it is there") + 1;
    let body = [good.as_bytes(), b"\n", &good.as_bytes()[..cut], b"\n\0\0\n", good.as_bytes()].concat();
    let (status, receipt) = post(&product, body, &[]).await;
    assert_eq!((status, &receipt["accepted"], &receipt["rejected"]), (200, &json!(2), &json!(2)));
    for (error, index) in receipt["errors"].as_array().expect("a list").iter().zip([1, 2]) {
        assert_eq!((&error["index"], &error["code"]), (&json!(index), &json!("not_json")));
    }
    assert_eq!(database.count().await, 2);
}

#[tokio::test]
async fn a_retry_in_another_shape_is_stored_once() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let key = [("idempotency-key", "offline-1")];
    let (status, receipt) = post(&product, lines(3).into_bytes(), &key).await;
    assert_eq!((status, &receipt["duplicate"]), (200, &json!(false)));
    let array = format!("[{}]", lines(3).trim_end().replace('\n', ","));
    let (status, receipt) = post(&product, array.into_bytes(), &key).await;
    assert_eq!((status, &receipt["duplicate"]), (200, &json!(true)));
    assert_eq!(database.count().await, 3);
}

#[tokio::test]
async fn a_device_without_a_clock_is_among_the_most_recent() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let now = logs_core::clock::unix_seconds();
    let (status, _) =
        post(&product, json!(vec![record("with a clock", 1, now - 60); 10]).to_string().into(), &[]).await;
    assert_eq!(status, 200);
    // Never set; 1980 and 2000, as after the loss of a battery; a GPS receiver that is a rollover back.
    for timestamp in ["0", "315532800.5", "9.466848e8", "1262303999"] {
        let body = format!(r#"{{"deviceID":"clock at {timestamp}","err":107.0,"timestamp":{timestamp}}}"#);
        assert_eq!(post(&product, body.into_bytes(), &[]).await.0, 200);
        let listed = product.list().await;
        assert_eq!(listed[0]["device_id"], format!("clock at {timestamp}"), "{listed:?}");
        assert_eq!(listed[0]["error_code"], 107);
    }
}
