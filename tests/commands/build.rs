//! What the script `dev` has cargo build.

use std::collections::BTreeSet;

use tokio::process::Command;

/// The crates of a selection of packages, each with its version and features.
async fn crates(selection: &[&str]) -> BTreeSet<String> {
    let output = Command::new(std::env::var_os("CARGO").expect("cargo runs the tests"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p} {f}"])
        .args(selection)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .await
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.trim_end_matches(" (*)").trim_end().to_owned()).collect()
}

#[tokio::test]
async fn up_and_the_tests_build_crates_with_the_same_features() {
    let up = crates(&["--workspace", "--exclude=lab", "--exclude=tests", "--edges=normal,build"]).await;
    let tests = crates(&["--workspace", "--edges=normal,build,dev"]).await;
    let twice: Vec<&String> = up.difference(&tests).collect();
    assert!(twice.is_empty(), "cargo builds these twice, and what stands on them: {twice:?}");
}
