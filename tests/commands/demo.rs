//! `./dev demo`: a fleet of devices with a story.

use tokio::process::Command;

use crate::harness::{Database, Product, binaries, temporary_folder};

async fn demo(state: &std::path::Path) -> (bool, String) {
    let output = Command::new(binaries().join("lab"))
        .args(["demo", "--seconds", "10", "--state"])
        .arg(state)
        .output()
        .await
        .expect("demo can be run");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test]
async fn the_demonstration_tells_its_story_and_all_that_it_sent_is_stored() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let (is_told, said) = demo(&product.state).await;
    assert!(is_told, "{said}");
    for line in [product.endpoints.get.page(), "firmware 1.5 is rolled out", "the network is back"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let last = said.lines().last().expect("it says something");
    assert_eq!(last, format!("demo: the story is over: {} codes sent in 10 s", database.count().await), "{said}");
}

#[tokio::test]
async fn without_a_running_service_the_demonstration_says_what_to_start() {
    let folder = temporary_folder();
    let (is_told, said) = demo(folder.path()).await;
    assert!(!is_told && said.contains("./dev up"), "{said}");
}
