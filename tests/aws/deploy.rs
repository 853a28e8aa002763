//! What is deployed beside the template: the zips of `./dev package`, and the command that replaces a function's code.

use std::io::Read;
use std::path::Path;

use flate2::read::DeflateDecoder;
use serde_json::{Value, json};
use tokio::process::Command;

use super::account::Account;
use crate::harness::{draining, variants};

const FUNCTIONS: [&str; 6] = ["post-log", "get-logs", "migrate", "retention", "summarize", "store-logs"];

const ZIPS: &str = "target/lambda/test";

/// glibc on Amazon Linux 2023, where `provided.al2023` runs: 2.34.
const GLIBC_MINOR: u32 = 34;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file as `./dev package` makes it.
fn zip(path: impl AsRef<Path>) -> Vec<u8> {
    let path = root().join(ZIPS).join(path);
    std::fs::read(&path).unwrap_or_else(|_| panic!("{} is not there; run ./dev test", path.display()))
}

fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The only file in a zip: its name, mode and content. <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3
fn only_file(zip: &[u8]) -> (String, usize, Vec<u8>) {
    let end = zip.len() - 22;
    assert_eq!(&zip[end..end + 4], b"PK\x05\x06", "it ends with the end of its directory");
    assert_eq!(number(zip, end + 10, 2), 1, "it has one file");
    let entry = number(zip, end + 16, 4);
    let mode = number(zip, entry + 38, 4) >> 16;
    let local = number(zip, entry + 42, 4);
    let (name, extra) = (number(zip, local + 26, 2), number(zip, local + 28, 2));
    let mut content = Vec::new();
    DeflateDecoder::new(&zip[local + 30 + name + extra..]).read_to_end(&mut content).expect("it is deflated");
    let name = String::from_utf8_lossy(&zip[local + 30..local + 30 + name]).into_owned();
    (name, mode, content)
}

/// The glibc that a program needs: the greatest N of its symbols' `GLIBC_2.N`.
fn needed_glibc(program: &[u8]) -> Option<u32> {
    let marker = b"GLIBC_2.";
    let versions = program.windows(marker.len() + 2).filter(|window| window.starts_with(marker));
    let digits = versions.map(|window| String::from_utf8_lossy(&window[marker.len()..]).into_owned());
    digits.filter_map(|digits| digits.trim_end_matches(|digit: char| !digit.is_ascii_digit()).parse().ok()).max()
}

#[test]
fn each_zip_holds_one_program_that_starts_on_lambda() {
    for function in FUNCTIONS {
        let zip_file = zip(format!("{function}.zip"));
        assert!(
            zip_file == zip(format!("{function}/bootstrap.zip")),
            "{function}: osls and cargo lambda deploy the same"
        );
        let (name, mode, program) = only_file(&zip_file);
        assert_eq!((name.as_str(), mode & 0o777), ("bootstrap", 0o755), "{function}");
        assert!(program.starts_with(b"\x7fELF\x02"), "{function} is a 64-bit program for Linux");
        let glibc = needed_glibc(&program).expect("it is linked dynamically");
        assert!(glibc <= GLIBC_MINOR, "{function} wants glibc 2.{glibc}");
    }
}

/// What Cargo.toml tells `cargo lambda deploy` about a crate.
async fn metadata(function: &str) -> Value {
    let output = Command::new(std::env::var_os("CARGO").expect("cargo runs the tests"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(root())
        .output()
        .await
        .expect("cargo can be started");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let package = packages.iter().find(|package| package["name"] == function).expect("it is a crate");
    package["metadata"]["lambda"]["deploy"].clone()
}

/// Whether a template has a function: migrate, retention and summarize are MySQL's, store-logs is only where there is a queue.
fn has(template: &Value, function: &str) -> bool {
    let resources = template["Resources"].as_object().expect("a template has resources");
    let names = resources.values().filter_map(|resource| resource["Properties"]["FunctionName"].as_str());
    names.into_iter().any(|name| name.ends_with(&format!("-{function}")))
}

/// The properties of a function in a template.
fn properties<'a>(template: &'a Value, function: &str) -> &'a Value {
    let resources = template["Resources"].as_object().expect("a template has resources");
    let mut all = resources.values().filter(|resource| resource["Type"] == "AWS::Lambda::Function");
    let named = |resource: &&Value| {
        resource["Properties"]["FunctionName"].as_str().is_some_and(|name| name.ends_with(&format!("-{function}")))
    };
    &all.find(named).unwrap_or_else(|| panic!("the template has a function {function}"))["Properties"]
}

#[tokio::test]
async fn cargo_toml_says_the_same_of_a_function_as_the_template_and_nothing_else() {
    for function in FUNCTIONS {
        let metadata = metadata(function).await;
        for template in variants().into_iter().filter(|template| has(&template.json, function)) {
            let properties = properties(&template.json, function);
            let expected = json!({
                "runtime": properties["Runtime"],
                "memory": properties["MemorySize"],
                "timeout": properties["Timeout"],
            });
            // Nothing else: variables, a role, a network or tracing here would replace those of the template.
            assert_eq!(metadata, expected, "crates/{function}/Cargo.toml and serverless.yml, {}", template.name);
        }
    }
}

/// A function's configuration without the values that depend on its code and on time.
fn but_for_the_code(function: &Value) -> Value {
    let mut function = function.clone();
    let configuration = function["Configuration"].as_object_mut().expect("a function has a configuration");
    for of_the_code in ["CodeSha256", "CodeSize", "LastModified", "RevisionId"] {
        configuration.remove(of_the_code);
    }
    json!({ "Configuration": function["Configuration"], "Tags": function["Tags"] })
}

#[tokio::test]
async fn cargo_lambda_deploy_replaces_the_code_of_a_function_and_moves_its_alias_and_nothing_else() {
    let account = Account::open().await;
    // A template with all functions.
    let template = &draining().json;
    for function in FUNCTIONS {
        let name = format!("error-codes-prod-{function}");
        let properties = properties(template, function);
        // The code that was deployed before is another function's, and must be replaced.
        let other = FUNCTIONS.into_iter().find(|other| *other != function).expect("there are six");
        account.create(&name, properties, zip(format!("{other}.zip"))).await;
        account.create(&format!("{function}-as-it-should-be"), properties, zip(format!("{function}.zip"))).await;
        let has_alias = function != "migrate";
        if has_alias {
            account.publish(&name, "as deployed").await;
        }
        let before = account.get(&name).await;

        // The command that docs/deploy.md names.
        let said = account.dev(&["lambda", "deploy", "--lambda-dir", ZIPS, "--binary-name", function, &name]).await;
        assert!(said.status.success(), "{said:?}");

        let after = account.get(&name).await;
        let expected = account.get(&format!("{function}-as-it-should-be")).await;
        assert_ne!(before["Configuration"]["CodeSha256"], after["Configuration"]["CodeSha256"]);
        assert_eq!(after["Configuration"]["CodeSha256"], expected["Configuration"]["CodeSha256"]);
        assert_eq!(but_for_the_code(&after), but_for_the_code(&before));
        assert_eq!(after["Configuration"]["Environment"]["Variables"]["DB_HOST"], "db.example.com");
        assert_eq!(after["Configuration"]["VpcConfig"]["SecurityGroupIds"], json!(["sg-1"]));
        let expected = has_alias.then(|| "2".to_owned());
        assert_eq!(account.live(&name).await, expected, "{function}: what callers get");
    }
}
