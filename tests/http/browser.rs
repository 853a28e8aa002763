//! The dashboard page in a real browser; what is done there is in `tests/browser/page.py`.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;

use logs_core::clock;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::harness::{Database, Product, ProductOptions, binaries, record, temporary_folder, until};

/// A browser and a service of its own for each scenario.
async fn play(scenario: &str) {
    play_on(&Product::start(&Database::migrated().await).await, scenario).await;
}

async fn play_on(product: &Product, scenario: &str) {
    let output = browser(product, product.endpoints.get.page(), scenario).output().await;
    let output = output.expect("python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A browser that opens the page at this address.
fn browser(product: &Product, page: &str, scenario: &str) -> Command {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run ./dev test"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pictures = tests.join("../target/pictures");
    std::fs::create_dir_all(&pictures).expect("a folder can be made");
    let (get, post) = (&product.endpoints.get, &product.endpoints.post);
    let mut command = Command::new(variable("BROWSER_PYTHON"));
    command.arg("-B").arg(tests.join("browser/page.py"));
    command.args([scenario, page, &get.api_key, &post.url, &post.api_key, &variable("CHROMIUM")]).arg(pictures);
    command
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            play(stringify!($name)).await;
        }
    )*};
}

scenarios! {
    a_wrong_key_is_refused_and_the_right_one_is_kept_for_the_tab,
    a_new_code_appears_by_itself_and_is_marked,
    a_code_and_a_device_lead_to_their_logs_and_the_address_can_be_shared,
    the_codes_of_a_day_and_a_week_are_counted,
    the_name_of_a_device_is_only_text,
    devices_without_a_clock_and_with_a_wrong_one_are_marked,
    trouble_cannot_be_mistaken_for_quiet,
    it_asks_once_a_poll_and_sends_the_tag_of_the_answer_that_it_has,
    it_asks_less_and_less_while_it_is_refused,
    nobody_is_kept_out,
}

#[tokio::test]
async fn a_store_without_a_summary_shows_its_logs_and_says_what_it_cannot_answer() {
    let options = ProductOptions { arguments: &["--store", "dynamodb"], ..ProductOptions::default() };
    let product = Product::start_with(options).await;
    play_on(&product, "a_store_without_a_summary_shows_its_logs_and_says_what_it_cannot_answer").await;
}

#[tokio::test]
async fn a_server_that_is_killed_is_offline_and_the_page_goes_on_with_the_next_one() {
    let database = Database::migrated().await;
    let folder = temporary_folder();
    let start = async || {
        let options = ProductOptions { database: Some(&database), ..ProductOptions::default() };
        Product::start_in(folder.path().join("state"), options).await
    };
    let insert = async |device| database.insert(&json!([record(device, 107, 1)]), clock::unix_seconds()).await;
    insert("before").await;
    let product = start().await;
    let door = Door::open().await;
    door.lead_to(&product);

    let scenario = "a_server_that_is_killed_is_offline_and_the_page_goes_on_with_the_next_one";
    let mut browser = browser(&product, &door.url, scenario);
    browser.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut browser = browser.spawn().expect("python can be started");
    let mut asked = BufReader::new(browser.stdout.take().expect("it is piped")).lines();
    let mut answer = browser.stdin.take().expect("it is piped");
    let step = asked.next_line().await.expect("text");
    if step.as_deref() == Some("kill") {
        product.kill().await;
        answer.write_all(b"done\n").await.expect("it listens");
        assert_eq!(asked.next_line().await.expect("text").as_deref(), Some("start"));
        insert("meanwhile").await;
        let product = start().await;
        door.lead_to(&product);
        answer.write_all(b"done\n").await.expect("it listens");
        let output = browser.wait_with_output().await.expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    } else {
        let output = browser.wait_with_output().await.expect("it ends");
        panic!("{step:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// An address that stays while the product behind it comes and goes.
struct Door {
    url: String,
    port: watch::Sender<u16>,
    _task: JoinSet<()>,
}

impl Door {
    async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port can be had");
        let url = format!("http://{}/", listener.local_addr().expect("it has an address"));
        let (port, behind) = watch::channel(0);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let port = *behind.borrow();
                passing.spawn(async move {
                    // Nobody there: the client's connection is closed.
                    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { url, port, _task: task }
    }

    fn lead_to(&self, product: &Product) {
        let page = reqwest::Url::parse(product.endpoints.get.page()).expect("an address");
        self.port.send_replace(page.port().expect("not that of HTTP"));
    }
}

#[tokio::test]
async fn a_fleet_with_a_history_is_seen_at_a_glance() {
    let database = Database::migrated().await;
    let now = clock::unix_seconds();
    // The usual codes of the last day; what is new comes with the demonstration.
    for hour in (1..24).rev() {
        let usual = |number: i64| match (number + hour) % 10 {
            0..6 => 107,
            6..8 => 12,
            8 => 205,
            _ => -3,
        };
        let codes: Vec<_> = (0..40 + hour % 7 * 5).map(|n| record(&format!("pump-{n:03}"), usual(n), now)).collect();
        database.insert(&json!(codes), now - hour * 3600).await;
    }
    database.insert(&json!([record("pump-001", 31, now), record("pump-001", 107, now)]), now - 3 * 86_400).await;
    for code in [12, 205, -3] {
        database.insert(&json!([record("pump-001", code, now)]), now - 3 * 86_400).await;
    }
    let names = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/codes.json");
    let product = Product::start_with_arguments(&database, &["--code-names", names]).await;
    let mut demo = Command::new(binaries().join("lab"));
    demo.args(["demo", "--seconds", "15", "--state"]).arg(&product.state);
    assert!(demo.status().await.expect("demo can be run").success());
    until("the new code is counted", async || {
        let codes = format!("{}codes", product.endpoints.get.page());
        let request = product.client.get(codes).header("x-api-key", &product.endpoints.get.api_key);
        request.send().await.expect("an answer").text().await.expect("a body").contains(r#""error_code":451"#)
    })
    .await;
    play_on(&product, "a_fleet_at_a_glance").await;
}
