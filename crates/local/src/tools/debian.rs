//! Installs missing Debian packages.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use local::database::ServerProgram;
use local::programs;
use local::temporary_folder::TemporaryFolder;

use crate::{Failure, say};

/// How many lines of apt's log to show when it fails.
const SHOWN_LINES: usize = 5;

/// Installs a database server if there is none. The Debian package has no service, so nothing starts by itself.
pub(crate) fn database_server() -> Result<(), Failure> {
    if ServerProgram::is_installed() {
        return Ok(());
    }
    install("a MySQL or MariaDB server", &["mariadb-server-core|mysql-server-core-8.0"])
}

/// Installs a library that tests preload. Returns its path.
pub(crate) fn preload(package: &str, file: &str) -> Result<PathBuf, Failure> {
    if let Some(library) = library(file) {
        return Ok(library);
    }
    install(&format!("the test library {file}"), &[package])?;
    let missing = || format!("{package} has no {file}; which release of Debian or Ubuntu is this?").into();
    library(file).ok_or_else(missing)
}

/// Installs what builds and tests the C client: gcc with gcov, clang with its sanitizers, libcurl.
pub(crate) fn c_compilers() -> Result<(), Failure> {
    let has_programs = ["gcc", "gcov", "size", "clang"].iter().all(|name| programs::find(name).is_some());
    let sanitizer = format!("-print-file-name=libclang_rt.asan-{}.a", std::env::consts::ARCH);
    // Without the file, clang prints the bare name.
    let has_sanitizer =
        || Command::new("clang").arg(&sanitizer).output().is_ok_and(|output| output.stdout.starts_with(b"/"));
    if has_programs && has_sanitizer() && library("libcurl.so").is_some() {
        return Ok(());
    }
    let sanitizers = "libclang-rt-dev|libclang-common-14-dev";
    install("what builds the C client", &["gcc", "libc6-dev", "clang", sanitizers, "libcurl4-openssl-dev"])
}

/// Installs a browser for the tests of the page.
pub(crate) fn chromium() -> Result<PathBuf, Failure> {
    let find = || ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| programs::find(name));
    if let Some(program) = find() {
        return Ok(program);
    }
    install("a browser", &["chromium|chromium-browser"])?;
    find().ok_or_else(|| "chromium is installed, but its program is not in PATH".into())
}

/// A file below `/usr/lib/ARCHITECTURE` whose path starts with `beginning`.
fn library(beginning: &str) -> Option<PathBuf> {
    let architectures = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    architectures.map(|folder| folder.path().join(beginning)).find_map(|path| {
        let name = path.file_name()?.to_str()?;
        let files = fs::read_dir(path.parent()?).ok()?.filter_map(Result::ok);
        let mut files = files.filter(|file| file.file_name().to_str().is_some_and(|file| file.starts_with(name)));
        files.next().map(|file| file.path())
    })
}

/// Installs packages for `what`, which is missing. `ONE|OTHER` stands for the first package that this release has.
pub(super) fn install(what: &str, packages: &[&str]) -> Result<(), Failure> {
    let names = packages.join(" ").replace('|', " or ");
    if programs::find("apt-get").is_none() {
        let advice = format!("install what Debian calls {names} and try again");
        return Err(format!("{what} is missing, and this is not Debian or Ubuntu; {advice}").into());
    }
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root && programs::find("sudo").is_none() {
        return Err(format!("{what} is missing; as root: apt-get install {names}").into());
    }
    say(&format!("{what} is missing; installing {names}"));
    let mut folder = TemporaryFolder::new("apt")?;
    let log = folder.path().join("apt.log");
    let output = File::create(&log)?;
    let apt = |arguments: &[&str]| -> Result<bool, Failure> {
        let mut command = Command::new(if is_root { "env" } else { "sudo" });
        if !is_root {
            command.arg("env");
        }
        // Wait for the lock: a machine that has just started may be upgrading itself.
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"])
            .args(arguments);
        Ok(command.stdout(output.try_clone()?).stderr(output.try_clone()?).status()?.success())
    };
    // An update fails if any source is unreachable. Whether that matters shows in the installation.
    apt(&["update"])?;
    let chosen: Vec<&str> = packages.iter().map(|alternatives| first_available(alternatives)).collect();
    if apt(&[&["install", "--no-install-recommends", "-y"], &*chosen].concat())? {
        return Ok(());
    }
    folder.keep();
    let reason = last_lines(&log);
    Err(format!("{names} could not be installed; apt says (all of it: {}):\n{reason}", log.display()).into())
}

fn first_available(alternatives: &str) -> &str {
    let is_known = |package: &&str| {
        let mut show = Command::new("apt-cache");
        show.args(["show", package]).stdout(Stdio::null()).stderr(Stdio::null());
        show.status().is_ok_and(|status| status.success())
    };
    alternatives.split('|').find(is_known).unwrap_or(alternatives.rsplit('|').next().unwrap_or(alternatives))
}

fn last_lines(log: &Path) -> String {
    let said = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
