//! `./dev rollback`: the functions of a stage go back to the version before, within a second and without a deployment.

use std::process::ExitCode;

use clap::Args;
use logs_core::signed_call::Call;
use serde_json::{Value, json};

use super::aws::{self, CallError, LAMBDA};
use crate::{Failure, say};

/// The functions behind an alias. Who writes messages goes back before who reads them.
const FUNCTIONS: [&str; 5] = ["post-log", "get-logs", "store-logs", "retention", "summarize"];

/// By which everything calls a function (infra/aliases.js).
pub(super) const ALIAS: &str = "live";

#[derive(Args)]
pub(crate) struct RollbackArguments {
    /// The stage: dev or prod
    #[arg(long)]
    stage: String,
    /// Only this function, as in post-log; without it, all of the stage
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(FUNCTIONS))]
    function: Option<String>,
}

/// A version of a function: the number, and what Lambda says of it.
#[derive(Debug)]
struct Version {
    number: u64,
    json: Value,
}

impl Version {
    fn of(json: &Value) -> Option<Self> {
        // Not $LATEST.
        let number = json["Version"].as_str()?.parse().ok()?;
        Some(Self { number, json: json.clone() })
    }

    /// What a deployment calls its code, at the end of the description.
    fn code(&self) -> &str {
        let description = self.json["Description"].as_str().unwrap_or_default();
        description.rsplit_once(" (code ").map_or("unknown", |(_, code)| code.trim_end_matches(')'))
    }

    /// What may be gone: roles, variables and networks belong to the deployment that made the version.
    fn settings(&self) -> [&Value; 4] {
        ["Role", "Environment", "VpcConfig", "MemorySize"].map(|name| &self.json[name])
    }

    fn sentence(&self) -> String {
        let date = self.json["LastModified"].as_str().unwrap_or_default();
        format!("version {} (code {}, {})", self.number, self.code(), date.split('.').next().unwrap_or_default())
    }
}

/// A function, and where it goes.
#[derive(Debug)]
struct Step {
    function: &'static str,
    from: Version,
    to: Version,
}

impl Step {
    /// Whether `./dev lambda deploy` brought the code: it leaves the description as it is.
    fn is_of_code_only(&self) -> bool {
        self.from.code() == self.to.code()
    }
}

/// Plans all steps before the first one is taken.
pub(crate) async fn run(arguments: &RollbackArguments) -> Result<ExitCode, Failure> {
    let stage = &arguments.stage;
    let mut steps = Vec::new();
    for function in FUNCTIONS {
        if arguments.function.as_deref().is_none_or(|only| only == function) {
            steps.extend(step(stage, function).await?);
        }
    }
    check(stage, &steps)?;
    for Step { function, from, to } in &steps {
        go(stage, function, to).await?;
        say(&format!("{function} went back from {} to {}", from.sentence(), to.sentence()));
    }
    say("the next deployment of other code brings all functions forward again");
    Ok(ExitCode::SUCCESS)
}

/// Where the alias of a function would go. Nothing, if the stage does not have it.
async fn step(stage: &str, function: &'static str) -> Result<Option<Step>, Failure> {
    let alias = match get(&format!("{}/aliases/{ALIAS}", path(stage, function))).await {
        Err(CallError::NotFound(_)) => return Ok(None),
        answer => answer?,
    };
    let weights = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object();
    if weights.is_some_and(|weights| !weights.is_empty()) {
        return Err(format!(
            "{function} has a canary now, and the version before it serves the rest; take the deployment back: \
             aws cloudformation cancel-update-stack --stack-name error-codes-{stage}"
        )
        .into());
    }
    let live: u64 = alias["FunctionVersion"].as_str().unwrap_or_default().parse()?;
    let mut versions = versions(stage, function).await?;
    versions.retain(|version| version.number <= live);
    versions.sort_by_key(|version| version.number);
    match (versions.pop(), versions.pop()) {
        (Some(from), Some(to)) if from.number == live => Ok(Some(Step { function, from, to })),
        _ => Err(format!("{function} has no version before {live}").into()),
    }
}

/// Whether what is planned is one deployment taken back, and works.
fn check(stage: &str, steps: &[Step]) -> Result<(), Failure> {
    if steps.is_empty() {
        return Err(
            format!("there is no function of error-codes-{stage} with an alias here; is this the region?").into()
        );
    }
    if let Some(changed) = steps.iter().find(|step| step.from.settings() != step.to.settings()) {
        return Err(format!(
            "the last deployment of {} changed its settings as well, and the version before may miss what they name; \
             take back the whole stack: ./dev osls rollback --stage {stage} --timestamp … (docs/deploy.md)",
            changed.function
        )
        .into());
    }
    // As after a rollback that was cut off, or of one function.
    if let Some(other) = steps.iter().find(|step| step.from.code() != steps[0].from.code()) {
        return Err(format!(
            "{} runs the code {} and {} runs {}; give --function",
            steps[0].function,
            steps[0].from.code(),
            other.function,
            other.from.code()
        )
        .into());
    }
    let alone: Vec<_> = steps.iter().filter(|step| step.is_of_code_only()).map(|step| step.function).collect();
    if alone.is_empty() || alone.len() == steps.len() {
        return Ok(());
    }
    Err(format!("{} got new code alone, after the last deployment of all; give --function", alone.join(" and ")).into())
}

async fn go(stage: &str, function: &str, to: &Version) -> Result<(), Failure> {
    let body = json!({
        "FunctionVersion": to.number.to_string(),
        "RoutingConfig": { "AdditionalVersionWeights": {} },
    });
    let path = format!("{}/aliases/{ALIAS}", path(stage, function));
    let headers = [("content-type", "application/json")];
    aws::call(LAMBDA, Call { method: "PUT", path: &path, headers: &headers, body: &body.to_string() }).await?;
    Ok(())
}

async fn versions(stage: &str, function: &str) -> Result<Vec<Version>, Failure> {
    let (mut all, mut marker) = (Vec::new(), String::new());
    loop {
        let page = get(&format!("{}/versions{marker}", path(stage, function))).await?;
        all.extend(page["Versions"].as_array().into_iter().flatten().filter_map(Version::of));
        match page["NextMarker"].as_str() {
            Some(next) => marker = format!("?Marker={}", percent_encode(next)),
            None => return Ok(all),
        }
    }
}

async fn get(path: &str) -> Result<Value, CallError> {
    aws::call(LAMBDA, Call { method: "GET", path, headers: &[], body: "" }).await
}

fn path(stage: &str, function: &str) -> String {
    format!("/2015-03-31/functions/error-codes-{stage}-{function}")
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u64, code: &str, role: &str) -> Version {
        let json =
            json!({ "Version": number.to_string(), "Description": format!("It does. (code {code})"), "Role": role });
        Version::of(&json).expect("it is a version")
    }

    fn step(function: &'static str, from: Version, to: Version) -> Step {
        Step { function, from, to }
    }

    fn refused(steps: &[Step]) -> String {
        check("prod", steps).expect_err("it is refused").to_string()
    }

    #[test]
    fn what_was_deployed_last_is_a_number() {
        assert!(Version::of(&json!({ "Version": "$LATEST" })).is_none());
        assert_eq!(version(12, "1a2b3c4d", "role").code(), "1a2b3c4d");
    }

    #[test]
    fn all_functions_of_a_deployment_go_back_together() {
        let steps = [
            step("post-log", version(8, "b", "r"), version(7, "a", "r")),
            step("get-logs", version(3, "b", "s"), version(2, "a", "s")),
        ];
        assert!(check("prod", &steps).is_ok());
        assert!(refused(&[]).contains("no function of error-codes-prod"));
    }

    #[test]
    fn functions_of_different_deployments_go_back_one_by_one() {
        let ahead = step("get-logs", version(3, "b", "s"), version(2, "a", "s"));
        let steps = [step("post-log", version(7, "a", "r"), version(6, "z", "r")), ahead];
        assert_eq!(refused(&steps), "post-log runs the code a and get-logs runs b; give --function");
    }

    #[test]
    fn a_version_whose_role_may_be_gone_is_not_gone_back_to() {
        let steps = [step("post-log", version(8, "b", "new-role"), version(7, "a", "old-role"))];
        assert!(refused(&steps).contains("./dev osls rollback --stage prod"));
    }

    #[test]
    fn a_function_that_got_code_alone_goes_back_alone() {
        let alone = || step("post-log", version(8, "b", "r"), version(7, "b", "r"));
        let steps = [alone(), step("get-logs", version(3, "b", "s"), version(2, "a", "s"))];
        assert!(refused(&steps).starts_with("post-log got new code alone"));
        assert!(check("prod", &[alone()]).is_ok());
    }
}
