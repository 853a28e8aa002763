//! `./dev test`: the tools and the zips that tests need, then cargo, beside a database server that is thrown away.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use tokio::process::Command;

use super::{build, database_server, zips};
use crate::{Failure, tools};

/// Runs all tests, or what cargo is told.
pub(crate) async fn run(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    tools::database_server()?;
    // Downloads and compilers wait for different things.
    let variables = thread::scope(|scope| {
        let installing = scope.spawn(|| variables().map_err(|error| error.to_string()));
        build::build(&["--workspace", "--all-targets"])?;
        let installed = installing.join().map_err(|_| "the tools could not be installed")?;
        Ok::<_, Failure>(installed?)
    })?;
    // With arguments the zips stay as they are: a test that needs them says so if there are none.
    if arguments.is_empty() {
        zips::for_tests()?;
    }
    let mut tests = Command::new("cargo");
    tests.args(["test", "--no-fail-fast", "--locked", "--profile", "local", "--workspace"]).args(arguments);
    // Most tests wait for a server or a timeout: two for each processor keep it busy.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        tests.env("RUST_TEST_THREADS", (2 * thread::available_parallelism()?.get()).to_string());
    }
    database_server::run_beside(tests.envs(variables)).await
}

/// What tests find in their environment: a variable a line, each the path of a program or a library.
fn variables() -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    tools::CargoLambda::install()?;
    tools::c_compilers()?;
    Ok(vec![
        // Both change what a program is told by the system: addresses behind names, and the time of day.
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
