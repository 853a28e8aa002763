//! `./dev osls` and `./dev lambda`: with the user's AWS credentials.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use super::become_program;
use super::rollback::ALIAS;
use crate::Failure;
use crate::tools;

/// osls's name for the template in a package.
pub(super) const TEMPLATE: &str = "cloudformation-template-update-stack.json";

/// Runs osls. The arguments of `osls deploy` are checked first.
pub(crate) fn osls(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    if arguments.first().is_some_and(|command| command == "deploy") {
        check_deployment(&arguments)?;
    }
    become_program(Command::new(tools::osls()?).args(arguments))
}

/// Runs cargo lambda.
pub(crate) fn lambda(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    become_program(tools::CargoLambda::install()?.command().args(with_alias(arguments)))
}

/// New code reaches nobody but by the alias of the function. migrate has none, and is called without.
fn with_alias(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_deployment = arguments.first().is_some_and(|command| command == "deploy");
    let is_migrate = arguments.last().is_some_and(|name| name.to_string_lossy().ends_with("-migrate"));
    if is_deployment && !is_migrate && option(&arguments, "--alias", "-a").is_none() {
        arguments.splice(1..1, ["--alias".into(), ALIAS.into()]);
    }
    arguments
}

fn check_deployment(arguments: &[OsString]) -> Result<(), Failure> {
    match option(arguments, "--package", "-p") {
        Some(folder) => {
            check_stage(Path::new(&folder), &option(arguments, "--stage", "-s").unwrap_or("dev".to_owned()))
        }
        None => Ok(()),
    }
}

/// The value of an option; the last one counts.
fn option(arguments: &[OsString], long: &str, short: &str) -> Option<String> {
    let mut value = None;
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        if argument == long || argument == short {
            value = Some(arguments.next().unwrap_or_default().into_owned());
        } else if let Some(given) = argument.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            value = Some(given.to_owned());
        }
    }
    value.filter(|value| !value.is_empty())
}

/// A package of one stage must not go to the stack of another.
pub(super) fn check_stage(package: &Path, stage: &str) -> Result<(), Failure> {
    let template = std::fs::read_to_string(package.join(TEMPLATE));
    let package = package.display().to_string();
    let package = package.trim_end_matches('/');
    let template = template.map_err(|_| format!("{package} holds no package; run ./dev package --stage {stage}"))?;
    // Every stage has post-log. One with DynamoDB has no migrate.
    if template.contains(&format!("\"FunctionName\": \"error-codes-{stage}-post-log\"")) {
        return Ok(());
    }
    Err(format!("{package} holds the package of another stage than {stage}; give both commands the same --stage")
        .into())
}

#[cfg(test)]
mod tests {
    use local::temporary_folder::TemporaryFolder;

    use super::*;

    fn check(arguments: &str) -> Result<(), String> {
        let arguments: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
        check_deployment(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn new_code_of_a_function_moves_its_alias() {
        let given = |line: &str| {
            let arguments = line.split(' ').map(OsString::from).collect();
            with_alias(arguments).join(std::ffi::OsStr::new(" ")).into_string().expect("it is text")
        };
        let post_log = "--binary-name post-log error-codes-prod-post-log";
        assert_eq!(given(&format!("deploy {post_log}")), format!("deploy --alias live {post_log}"));
        for other in
            ["deploy error-codes-prod-migrate", "deploy --alias=test function", "deploy -a test function", "build"]
        {
            assert_eq!(given(other), other);
        }
    }

    #[test]
    fn a_package_can_be_deployed_only_to_its_own_stage() {
        let folder = TemporaryFolder::new("package").expect("the temporary folder can be written");
        let package = folder.path().display();
        let said = check(&format!("deploy --stage prod --package {package}/")).expect_err("there is no template");
        assert_eq!(said, format!("{package} holds no package; run ./dev package --stage prod"));
        let template = r#"{"Properties": {"FunctionName": "error-codes-prod-post-log"}}"#;
        let file = folder.path().join(TEMPLATE);
        std::fs::write(file, template).expect("the folder can be written");
        for same in ["--stage prod --package", "--stage=dev -s prod -p"] {
            assert_eq!(check(&format!("deploy {same} {package}")), Ok(()), "{same}");
        }
        assert_eq!(check(&format!("deploy --package={package} --stage=prod --verbose")), Ok(()));
        for other in ["", "--stage dev ", "--stage=production ", "-s pro "] {
            let said = check(&format!("deploy {other}--package {package}")).expect_err(other);
            assert!(said.contains("holds the package of another stage than"), "{said}");
        }
        assert_eq!(check("deploy --stage dev"), Ok(()), "osls packages by itself");
    }
}
