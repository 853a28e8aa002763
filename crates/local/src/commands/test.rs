//! `./dev test`: installs tools, builds the zips, then runs cargo test with a temporary database server.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use tokio::process::Command;

use super::{build, database_server, zips};
use crate::{Failure, print, tools};

const HELP: &str = "\
Run all tests, beside a temporary database server. Arguments go to cargo test.

  ./dev test                                  all tests; builds the zips first
  ./dev test NAME                             the tests whose name contains NAME
  ./dev test --test integration -- NAME       the same, of the integration tests only
  MYSQL_SERVER=/path/to/mysqld ./dev test     on another server";

/// Runs all tests; `arguments` go to cargo test.
pub(crate) async fn run(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    if arguments.first().is_some_and(|argument| argument == "--help" || argument == "-h") {
        print(HELP);
        return Ok(ExitCode::SUCCESS);
    }
    tools::database_server()?;
    // In parallel: downloads wait for the network, compilers for the processor.
    let variables = thread::scope(|scope| {
        let installing = scope.spawn(|| variables().map_err(|error| error.to_string()));
        build::build(&["--workspace", "--all-targets"])?;
        let installed = installing.join().map_err(|_| "the tools could not be installed")?;
        Ok::<_, Failure>(installed?)
    })?;
    // With arguments, zips are not rebuilt. A test that needs missing zips says so.
    if arguments.is_empty() {
        zips::for_tests()?;
    }
    let mut tests = Command::new("cargo");
    tests.args(["test", "--no-fail-fast", "--locked", "--profile", "local", "--workspace"]).args(arguments);
    // Most tests wait for a server or a timeout, so two per processor keep it busy.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        tests.env("RUST_TEST_THREADS", (2 * thread::available_parallelism()?.get()).to_string());
    }
    database_server::run_beside(tests.envs(variables)).await
}

/// Environment variables for the tests. Each is the path of a program or a library.
fn variables() -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    tools::CargoLambda::install()?;
    tools::c_compilers()?;
    Ok(vec![
        // Both replace answers of the system: the addresses behind names, and the time.
        ("NSS_WRAPPER", tools::preload("libnss-wrapper", "libnss_wrapper.so")?),
        ("FAKETIME", tools::preload("libfaketime", "faketime/libfaketimeMT.so.1")?),
        ("SCHEMATHESIS", tools::python("schemathesis")?.join("schemathesis")),
        ("MOTO_PYTHON", tools::python("moto")?.join("python")),
        ("BROWSER_PYTHON", tools::python("browser")?.join("python")),
        ("CHROMIUM", tools::chromium()?),
        ("CFN_LINT", tools::python("template-checks")?.join("cfn-lint")),
        ("CHECKOV", tools::python("template-checks")?.join("checkov")),
        ("OSLS", tools::osls()?),
        ("MICROPYTHON", tools::micropython()?),
        ("DYNOXIDE", tools::dynoxide()?),
    ])
}
