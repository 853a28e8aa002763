//! `./dev package`: zips and template, without AWS.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use super::deployment::{TEMPLATE, check_stage};
use super::zips;
use crate::{Failure, say, tools};

#[derive(Args)]
#[command(args_override_self = true)]
pub(crate) struct PackageArguments {
    /// The stage to package: dev or prod
    #[arg(long, default_value = "dev")]
    stage: String,
    /// The same as --param=architecture=arm64
    #[arg(long)]
    arm64: bool,
    /// Take the zips of a release from this folder instead of building them; it has their checksums, too
    #[arg(long, value_name = "FOLDER")]
    prebuilt: Option<PathBuf>,
    /// Options for osls package, like --param=KEY=VALUE
    #[arg(allow_hyphen_values = true, value_name = "OSLS_OPTION")]
    options: Vec<String>,
}

impl PackageArguments {
    /// What is ours, and the options for osls. After the first unknown option clap leaves everything to osls, so our own
    /// options are looked for there as well.
    fn read(&self) -> Result<(String, Option<PathBuf>, Vec<String>), Failure> {
        let (mut stage, mut is_arm64, mut options) = (self.stage.clone(), self.arm64, Vec::<String>::new());
        let mut prebuilt = self.prebuilt.clone();
        let mut given = self.options.iter();
        while let Some(option) = given.next() {
            let is_value = options.last().is_some_and(|last| last.starts_with("--") && !last.contains('='));
            match option.as_str() {
                "--stage" => stage.clone_from(given.next().ok_or("--stage wants dev or prod")?),
                "--arm64" => is_arm64 = true,
                "--prebuilt" => prebuilt = Some(given.next().ok_or("--prebuilt wants a folder")?.into()),
                "--help" | "-h" => return Err("run ./dev package --help without other options".into()),
                other => match other.split_once('=') {
                    Some(("--stage", value)) => value.clone_into(&mut stage),
                    Some(("--prebuilt", value)) => prebuilt = Some(value.into()),
                    _ if other.starts_with('-') || is_value => options.push(other.to_owned()),
                    _ => return Err(format!("unknown argument {other}; ./dev package --help lists all").into()),
                },
            }
        }
        options.extend(is_arm64.then(|| "--param=architecture=arm64".to_owned()));
        Ok((stage, prebuilt, options))
    }
}

/// The log file with osls's messages.
const LOG: &str = "target/package.log";

/// Builds or takes the zips for the architecture in the parameters, then the template.
pub(crate) fn run(arguments: &PackageArguments) -> Result<ExitCode, Failure> {
    let (stage, prebuilt, options) = arguments.read()?;
    let stage = &stage;
    let osls = Osls { program: tools::osls()?, stage, options: &options };
    let _lock = lock()?;
    // Refuses wrong parameters before the build, which takes minutes.
    let architecture = osls.architecture()?;
    match prebuilt {
        Some(release) => zips::from_release(&release, stage, &architecture)?,
        None => zips::for_stage(stage, &architecture)?,
    }
    let folder = Path::new("target/package").join(stage);
    let _ = fs::remove_dir_all(&folder);
    say("packaging the template");
    osls.package(&folder)?;
    check_stage(&folder, stage)?;

    let zips = zips::folder(stage);
    let size = |function: &&str| {
        let zip = fs::metadata(zips.join(format!("{function}.zip")))?;
        Ok(format!("{function} {} kB", zip.len() / 1000))
    };
    let sizes: Vec<String> = zips::FUNCTIONS.iter().map(size).collect::<std::io::Result<_>>()?;
    let next = ["./dev osls deploy --stage", stage, "--package"].map(str::to_owned).into_iter();
    let next: Vec<String> =
        next.chain([folder.display().to_string()]).chain(options.iter().map(|option| quoted(option))).collect();
    say(&format!("zips for {architecture} in {}: {}", zips.display(), sizes.join(" ")));
    say(&format!("template: {}", folder.join(TEMPLATE).display()));
    say(&format!("what it costs a month: ./dev costs --stage {stage}"));
    say(&format!("next, with AWS credentials: {}", next.join(" ")));
    Ok(ExitCode::SUCCESS)
}

/// One ./dev package at a time: osls writes into one folder for all stages. Held while the file is open.
fn lock() -> Result<File, Failure> {
    let file = OpenOptions::new().create(true).append(true).open("target/package.lock")?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err("another ./dev package is running here; run this one when it is done".into())
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// osls with made-up credentials: the user's AWS account is never asked.
struct Osls<'a> {
    program: PathBuf,
    stage: &'a str,
    options: &'a [String],
}

impl Osls<'_> {
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args([name, "--stage", self.stage]).args(self.options);
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
        command.env("AWS_ACCESS_KEY_ID", "made-up").env("AWS_SECRET_ACCESS_KEY", "made-up");
        command
    }

    /// `x86_64` or `arm64`.
    fn architecture(&self) -> Result<String, Failure> {
        let mut print = self.command("print");
        let output =
            print.args(["--path", "custom.architecture", "--format", "text"]).stderr(File::create(LOG)?).output()?;
        // osls writes its messages to standard output as well.
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() { Ok(said) } else { Err(format!("osls refuses the parameters:\n{said}").into()) }
    }

    fn package(&self, folder: &Path) -> Result<(), Failure> {
        let log = File::create(LOG)?;
        let mut package = self.command("package");
        package.arg("--package").arg(folder).stdout(log.try_clone()?).stderr(log);
        if package.status()?.success() {
            return Ok(());
        }
        Err(format!("osls could not package the template:\n{}", fs::read_to_string(LOG)?).into())
    }
}

/// Quotes an argument for a shell.
fn quoted(argument: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+:,./@%".contains(&byte);
    if argument.bytes().all(is_plain) { argument.to_owned() } else { format!("'{}'", argument.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        package: PackageArguments,
    }

    #[test]
    fn unknown_options_go_to_osls_in_any_position() {
        let parse = |line: &str| CommandLine::parse_from(line.split(' ')).package;
        for line in [
            "package --stage prod --arm64 --prebuilt zips --param a=b --verbose",
            "package --param a=b --verbose --stage=dev --arm64 --stage prod --prebuilt zips",
            "package --param a=b --verbose --prebuilt=zips --stage prod --arm64",
        ] {
            let (stage, prebuilt, options) = parse(line).read().expect("all are options");
            assert_eq!((stage.as_str(), prebuilt.as_deref()), ("prod", Some(Path::new("zips"))), "{line}");
            assert_eq!(options, ["--param", "a=b", "--verbose", "--param=architecture=arm64"], "{line}");
        }
        for wrong in ["package prod", "package --param=a=b prod", "package --stage dev -x y"] {
            let said = parse(wrong).read().expect_err(wrong).to_string();
            assert!(said.starts_with("unknown argument "), "{said}");
        }
        for cut in ["package --verbose --stage", "package --verbose --prebuilt"] {
            assert!(parse(cut).read().is_err(), "{cut}");
        }
    }

    #[test]
    fn the_printed_command_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("--param=subnets=a,b"), "--param=subnets=a,b");
        assert_eq!(quoted("--param=name=it's $x"), r"'--param=name=it'\''s $x'");
    }
}
