//! GET /logs with parameters: pages, one device, one code, and questions that are refused.

use edge::Handler;
use get_logs::{Cache, GetLogs};
use lambda_http::{Request, RequestExt};
use logs_core::clock::Moment;
use logs_core::metrics::Metrics;
use logs_core::mysql::{QueryIndexes, migrate_with_users};
use serde_json::{Value, json};

use crate::harness::{Database, Product, ProductOptions, in_time, record};

const NOW: i64 = 1_764_000_000;

fn get_logs(database: &Database) -> GetLogs {
    let (store, cache) = (database.store(), Cache::default());
    GetLogs { store, cache, clock: Moment::now, metrics: Metrics::from_environment(&|_| None) }
}

async fn ask(function: &GetLogs, parameters: &[(&str, &str)]) -> (u16, Value) {
    let mut map = std::collections::HashMap::<String, Vec<String>>::new();
    for (name, value) in parameters {
        map.entry((*name).to_owned()).or_default().push((*value).to_owned());
    }
    let mut request = Request::default().with_query_string_parameters(map);
    request.extensions_mut().insert(in_time());
    let response = function.handle(request).await;
    (response.status().as_u16(), serde_json::from_str(response.body()).expect("JSON"))
}

fn ids(list: &Value) -> Vec<u64> {
    let logs = list["result"].as_array().expect("result is an array");
    logs.iter().map(|log| log["error_log_id"].as_u64().expect("a number")).collect()
}

/// All pages, one after the other; `between` runs after each.
async fn pages(function: &GetLogs, filter: &[(&str, &str)], mut between: impl AsyncFnMut()) -> Vec<u64> {
    let (mut all, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = filter.to_vec();
        parameters.extend(next.as_deref().map(|next| ("before", next)));
        let (status, list) = ask(function, &parameters).await;
        assert_eq!(status, 200, "{list}");
        all.extend(ids(&list));
        assert!(all.len() < 10_000, "the pages never end");
        between().await;
        match list["next"].as_str() {
            Some(text) => next = Some(text.to_owned()),
            None => return all,
        }
    }
}

/// What the table has, in the order of the contract.
async fn in_order(database: &Database, filter: &str) -> Vec<u64> {
    let sql = format!("SELECT error_log_id FROM Logs WHERE {filter} ORDER BY ranked_at DESC, error_log_id DESC");
    sqlx::query_scalar(&sql).fetch_all(&mut database.connection().await).await.expect("ids")
}

/// Logs of three devices and four codes, many of the same second, some without a clock or ahead.
async fn fill(database: &Database) {
    for step in 0..30_i64 {
        let batch: Vec<Value> = (0..10)
            .map(|log| {
                let timestamp =
                    [NOW + step / 7, 0, NOW + 90_000, NOW - step * 40][usize::try_from(log % 4).expect("small")];
                record(["a", "A", "b "][usize::try_from(log % 3).expect("small")], log % 4, timestamp)
            })
            .collect();
        database.insert(&json!(batch), NOW + step / 5).await;
    }
}

#[tokio::test]
async fn pages_put_together_are_the_table() {
    let database = Database::migrated().await;
    fill(&database).await;
    let function = get_logs(&database);
    for limit in ["1", "7", "10", "100"] {
        for (filter, sql) in [
            (vec![], "TRUE"),
            (vec![("device_id", "a")], "CAST(device_id AS BINARY) = 'a'"),
            (vec![("error_code", "2")], "error_number = 2"),
            (vec![("error_code", "3"), ("device_id", "A")], "CAST(device_id AS BINARY) = 'A' AND error_number = 3"),
            (vec![("device_id", "b")], "FALSE"),
        ] {
            let filter = [&filter[..], &[("limit", limit)]].concat();
            let found = pages(&function, &filter, async || {}).await;
            assert_eq!(found, in_order(&database, sql).await, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn logs_that_are_stored_between_two_pages_shift_nothing() {
    let database = Database::migrated().await;
    fill(&database).await;
    let before = in_order(&database, "TRUE").await;
    let function = get_logs(&database);
    let found = pages(&function, &[("limit", "20")], async || {
        database.insert(&json!([record("new", 1, NOW + 100), record("late", 1, NOW - 500)]), NOW + 200).await;
    })
    .await;
    let mut seen = found.clone();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), found.len(), "nothing is there twice");
    let old: Vec<u64> = found.into_iter().filter(|id| before.contains(id)).collect();
    assert_eq!(old, before, "nothing is left out");
}

#[tokio::test]
async fn a_page_says_how_current_it_is_even_if_it_is_empty() {
    let database = Database::migrated().await;
    let function = get_logs(&database);
    assert_eq!(ask(&function, &[("device_id", "a")]).await, (200, json!({"result": [], "as_of": null})));
    database.insert(&json!([record("b", 1, NOW)]), NOW + 5).await;
    assert_eq!(ask(&function, &[("device_id", "a")]).await, (200, json!({"result": [], "as_of": NOW + 5})));
}

#[tokio::test]
async fn a_wrong_parameter_is_400_and_named() {
    let database = Database::migrated().await;
    let function = get_logs(&database);
    for (parameters, expected) in [
        (&[("limit", "101")][..], "limit"),
        (&[("limit", "1"), ("limit", "1")], "limit"),
        (&[("error_code", "E7")], "error_code"),
        (&[("device_id", "")], "device_id"),
        (&[("before", "1' OR '1'='1")], "before"),
        (&[("devce_id", "a")], "devce_id"),
    ] {
        let (status, problem) = ask(&function, parameters).await;
        assert_eq!(status, 400, "{problem}");
        assert!(problem["detail"].as_str().expect("a sentence").contains(expected), "{problem}");
    }
    assert_eq!(ask(&function, &[("_", "1764000000")]).await.0, 200);
    // The ends of the numbers.
    assert_eq!(ask(&function, &[("before", "9223372036854775807-18446744073709551615")]).await.0, 200);
    assert_eq!(ask(&function, &[("before", "0-0")]).await.0, 200);
}

#[tokio::test]
async fn an_operator_may_leave_indexes_out_and_then_the_question_is_501_while_the_plain_list_goes_on() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 1, NOW)]), NOW).await;
    let function = get_logs(&database);
    for (wanted, of_device, of_code) in
        [("none", 501, 501), ("none", 501, 501), ("error_code", 501, 200), ("all", 200, 200), ("error_code", 501, 200)]
    {
        let indexes = QueryIndexes::from_environment(&|_| Some(wanted.to_owned())).expect("a choice");
        migrate_with_users(&database.settings(), &[], indexes).await.expect("migrate runs");
        let (status, answer) = ask(&function, &[("device_id", "a")]).await;
        assert_eq!(status, of_device, "{wanted}: {answer}");
        let (status, answer) = ask(&function, &[("error_code", "1")]).await;
        assert_eq!(status, of_code, "{wanted}: {answer}");
        assert_eq!(ids(&ask(&function, &[]).await.1).len(), 1);
    }
    // Without the setting, what an operator did by hand stays.
    migrate_with_users(&database.settings(), &[], None).await.expect("migrate runs");
    let (status, problem) = ask(&function, &[("device_id", "a")]).await;
    assert_eq!((status, &problem["status"]), (501, &json!(501)), "{problem}");
    let refused = QueryIndexes::from_environment(&|_| Some("both".to_owned())).expect_err("it is no choice");
    assert!(refused.to_string().contains("all, error_code or none"), "{refused}");
}

#[tokio::test]
async fn parameters_pass_the_gateway_decoded_and_repeated_ones_are_seen() {
    let product = Product::start(&Database::migrated().await).await;
    let odd = "ä &=+%😀";
    let sent = product.post(json!([record(odd, 5, NOW), record("other", 5, NOW)]).to_string()).send().await;
    assert_eq!(sent.expect("an answer").status(), 200);
    let endpoint = &product.endpoints.get;
    let get = async |query: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params(&endpoint.url, query).expect("a URL");
        let request = product.client.get(url).header("x-api-key", &endpoint.api_key);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, list) = get(&[("device_id", odd)]).await;
    assert_eq!((status, list["result"][0]["device_id"].as_str()), (200, Some(odd)), "{list}");
    assert_eq!(ids(&list).len(), 1);
    assert_eq!(get(&[("limit", "1"), ("limit", "2")]).await.0, 400);
    let (_, first) = get(&[("limit", "1")]).await;
    let (_, second) = get(&[("limit", "1"), ("before", first["next"].as_str().expect("there is more"))]).await;
    assert_ne!(ids(&first), ids(&second));
    assert!(second.get("next").is_none());
}

#[tokio::test]
async fn dynamodb_says_501_to_what_it_cannot_answer() {
    let options = ProductOptions { arguments: &["--store", "dynamodb"], ..ProductOptions::default() };
    let product = Product::start_with(options).await;
    let endpoint = &product.endpoints.get;
    for (query, expected) in
        [("device_id=a", 501), ("error_code=1", 501), ("limit=11", 501), ("limit=10", 200), ("limit=0", 400)]
    {
        let url = format!("{}?{query}", endpoint.url);
        let answer = product.client.get(url).header("x-api-key", &endpoint.api_key).send().await.expect("an answer");
        assert_eq!(answer.status(), expected, "{query}");
    }
}
