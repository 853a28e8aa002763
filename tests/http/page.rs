//! The dashboard page, as a browser gets it.

use crate::harness::{Database, Product};

#[tokio::test]
async fn the_page_needs_no_key_and_holds_no_data() {
    let product = Product::start(&Database::migrated().await).await;
    let sent = product.post(r#"{"deviceID":"secret-device","err":107,"timestamp":0}"#).send().await;
    assert_eq!(sent.expect("an answer").status(), 200);
    let answer = product.client.get(product.endpoints.get.page()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    let page = answer.text().await.expect("text");
    assert!(page.contains("default-src 'none'; script-src 'sha256-"), "a strict policy");
    assert!(!page.contains("secret-device") && !page.contains(&product.endpoints.get.api_key));
    let of_post = format!("{}/", product.endpoints.post.url.trim_end_matches("/logs"));
    assert_eq!(product.client.get(of_post).send().await.expect("an answer").status(), 404, "only the get API has it");
}
