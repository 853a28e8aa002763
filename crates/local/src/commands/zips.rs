//! The zips of the functions.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::build::{Release, own_architecture};
use crate::{Failure, say};

/// The deployed functions, by crate name.
pub(super) const FUNCTIONS: [&str; 6] = ["post-log", "get-logs", "migrate", "retention", "summarize", "store-logs"];

/// The folder with the zips of a stage, or of another use.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new("target/lambda").join(name)
}

/// Zips for tests, in `target/lambda/test`. Linked for the glibc of Lambda, but not optimized.
pub(super) fn for_tests() -> Result<(), Failure> {
    build(own_architecture(), "local", "test")
}

/// Release zips for this machine, in `target/lambda/measured`.
pub(super) fn measured() -> Result<(), Failure> {
    build(own_architecture(), "release", "measured")
}

/// Release zips of a stage.
pub(super) fn for_stage(stage: &str, architecture: &str) -> Result<(), Failure> {
    build(architecture, "release", stage)
}

/// Builds `FUNCTION/bootstrap.zip` for cargo lambda, and copies it to `FUNCTION.zip` for osls. osls stores an artifact
/// under its file name, so several `bootstrap.zip` would overwrite each other.
fn build(architecture: &str, profile: &str, name: &str) -> Result<(), Failure> {
    let folder = folder(name);
    say(&format!("building the zips for {architecture} (the first time takes several minutes)"));
    let selection =
        FUNCTIONS.iter().flat_map(|function| [format!("--package={function}"), format!("--bin={function}")]);
    let selection: Vec<String> = selection.collect();
    Release { architecture, profile, folder: &folder, selection: &selection }.build()?;
    for function in FUNCTIONS {
        fs::copy(folder.join(function).join("bootstrap.zip"), folder.join(format!("{function}.zip")))?;
    }
    Ok(())
}

/// The file with the checksums of a release, as sha256sum writes it.
const CHECKSUMS: &str = "SHA256SUMS";

/// The zips of a stage from a release, instead of a build. They must be of this version and match their checksums.
pub(super) fn from_release(release: &Path, stage: &str, architecture: &str) -> Result<(), Failure> {
    say(&format!("taking the zips for {architecture} from {}", release.display()));
    take(release, architecture, &folder(stage))
}

fn take(release: &Path, architecture: &str, to: &Path) -> Result<(), Failure> {
    let file = release.join(CHECKSUMS);
    let checksums = fs::read_to_string(&file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let _ = fs::remove_dir_all(to);
    for function in FUNCTIONS {
        let name = format!("{function}-{}-{architecture}.zip", env!("CARGO_PKG_VERSION"));
        let known = checksums.lines().find_map(|line| line.strip_suffix(&name)?.split_whitespace().next());
        let known = known.ok_or_else(|| format!("{} has no {name}; is it of another version?", file.display()))?;
        let zip = fs::read(release.join(&name)).map_err(|error| format!("{name} cannot be read: {error}"))?;
        if checksum(&zip) != known {
            return Err(format!("{name} is not the file that {CHECKSUMS} was written for; download both again").into());
        }
        fs::create_dir_all(to.join(function))?;
        fs::write(to.join(function).join("bootstrap.zip"), &zip)?;
        fs::write(to.join(format!("{function}.zip")), &zip)?;
    }
    Ok(())
}

/// As sha256sum writes it.
fn checksum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use local::temporary_folder::TemporaryFolder;

    use super::*;

    /// A release: a file for each function, and what sha256sum says of them.
    fn release(version: &str) -> TemporaryFolder {
        let folder = TemporaryFolder::new("release").expect("the temporary folder can be written");
        let mut checksums = Vec::new();
        for function in FUNCTIONS {
            let name = format!("{function}-{version}-arm64.zip");
            fs::write(folder.path().join(&name), function).expect("the folder can be written");
            checksums.push(format!("{}  {name}\n", checksum(function.as_bytes())));
        }
        fs::write(folder.path().join(CHECKSUMS), checksums.concat()).expect("the folder can be written");
        folder
    }

    fn refused(release: &TemporaryFolder, architecture: &str) -> String {
        let to = release.path().join("lambda");
        take(release.path(), architecture, &to).expect_err("it is refused").to_string()
    }

    #[test]
    fn the_zips_of_a_release_stand_where_osls_and_cargo_lambda_look_for_them() {
        let release = release(env!("CARGO_PKG_VERSION"));
        let to = release.path().join("lambda");
        take(release.path(), "arm64", &to).expect("it is complete");
        for function in FUNCTIONS {
            for file in [format!("{function}.zip"), format!("{function}/bootstrap.zip")] {
                assert_eq!(fs::read(to.join(&file)).expect("it is there"), function.as_bytes(), "{file}");
            }
        }
    }

    #[test]
    fn a_zip_that_was_changed_or_is_of_another_version_or_architecture_is_refused() {
        let changed = release(env!("CARGO_PKG_VERSION"));
        let name = format!("retention-{}-arm64.zip", env!("CARGO_PKG_VERSION"));
        fs::write(changed.path().join(&name), "something else").expect("the folder can be written");
        assert!(refused(&changed, "arm64").starts_with(&format!("{name} is not the file")));
        assert!(refused(&changed, "x86_64").ends_with("is it of another version?"));
        assert!(refused(&release("0.0.0"), "arm64").ends_with("is it of another version?"));
        let nothing = TemporaryFolder::new("release").expect("the temporary folder can be written");
        assert!(refused(&nothing, "arm64").contains("SHA256SUMS cannot be read"));
    }
}
