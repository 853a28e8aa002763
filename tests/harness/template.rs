//! The `CloudFormation` template, packaged by osls from a copy of the project.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::{REGION, TemporaryFolder, temporary_folder};

/// What `database=existing` needs.
pub(crate) const EXISTING: [&str; 6] = [
    "database=existing",
    "databaseHost=db.abc123.eu-central-1.rds.amazonaws.com",
    "databaseSecretArn=arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf",
    "databaseMaxConnections=300",
    "subnetIds=subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "securityGroupIds=sg-0123456789abcdef0",
];

/// What `databaseLogin=iam` needs beside it.
pub(crate) const RESOURCE_ID: &str = "databaseResourceId=db-ABCDEFGHIJKL01234";

/// A packaged template.
pub(crate) struct Template {
    /// Which variant it is, for messages.
    pub(crate) name: String,
    pub(crate) json: Value,
}

impl Template {
    pub(crate) fn resources(&self) -> &Map<String, Value> {
        self.json["Resources"].as_object().expect("a template has resources")
    }

    /// `dev` or `prod`.
    pub(crate) fn stage(&self) -> &str {
        self.properties("PostLogStage")["StageName"].as_str().expect("a stage has a name")
    }

    /// The properties of a resource.
    pub(crate) fn properties(&self, id: &str) -> &Value {
        let resource = self.resources().get(id).unwrap_or_else(|| panic!("{}: there is no {id}", self.name));
        &resource["Properties"]
    }

    /// The resources of a type, with their properties.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<(&str, &Value)> {
        let all = self.resources().iter().filter(|(_, resource)| resource["Type"] == kind);
        all.map(|(id, resource)| (id.as_str(), &resource["Properties"])).collect()
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.resources().contains_key(id)
    }

    /// Whether post-log writes to a queue, and not to the database.
    pub(crate) fn is_queued(&self) -> bool {
        self.properties("PostLogLambdaFunction")["Environment"]["Variables"].get("QUEUE_URL").is_some()
    }

    /// Whether the functions have passwords in Secrets Manager.
    pub(crate) fn has_secrets(&self) -> bool {
        self.has("GetLogsSecret")
    }

    /// Whether the functions log in by IAM tokens. Both, while the login is switched.
    pub(crate) fn has_iam(&self) -> bool {
        self.properties("GetLogsLambdaFunction")["Environment"]["Variables"].get("DB_IAM_USER").is_some()
    }

    /// The logical ids in a resource's `DependsOn`.
    pub(crate) fn depends_on(&self, id: &str) -> Vec<&str> {
        self.resources()[id]["DependsOn"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Writes it where a linter finds it.
    pub(crate) fn write_to(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.json", self.name.replace(' ', "-")));
        let json = serde_json::to_vec_pretty(&self.json).expect("JSON can be written");
        std::fs::write(&path, json).expect("the temporary folder can be written");
        path
    }
}

/// What is deployed, with both engines. Each is packaged once for all tests.
pub(crate) fn variants() -> Vec<&'static Template> {
    mysql().into_iter().chain(dynamodb()).collect()
}

/// With MySQL: both stages, each created and existing, without a queue; both ways to have one; and the logins that are
/// not the default.
pub(crate) fn mysql() -> [&'static Template; 9] {
    let ([one, two, three, four], [seven, eight, nine]) = (direct(), other_logins());
    [one, two, three, four, queued(), draining(), seven, eight, nine]
}

/// A created database with passwords, one that is being switched to IAM, and an existing one with IAM.
fn other_logins() -> [&'static Template; 3] {
    static PACKAGED: [OnceLock<Template>; 3] = [const { OnceLock::new() }; 3];
    let existing = [&["databaseLogin=iam", RESOURCE_ID], &EXISTING[..]].concat();
    let package = |place: usize, stage, parameters: &[&str]| {
        PACKAGED[place].get_or_init(|| Project::copy().package(stage, parameters).expect("it can be packaged"))
    };
    [
        package(0, "prod", &["databaseLogin=secret", "ingestion=queued"]),
        package(1, "dev", &["databaseLoginSwitch=true"]),
        package(2, "dev", &existing),
    ]
}

/// With `DynamoDB`: both stages without a queue, and both ways to have one.
pub(crate) fn dynamodb() -> [&'static Template; 4] {
    static PACKAGED: [OnceLock<Template>; 4] = [const { OnceLock::new() }; 4];
    let package = |place: usize, stage, ingestion| {
        let parameters = ["database=dynamodb", ingestion];
        PACKAGED[place].get_or_init(|| Project::copy().package(stage, &parameters).expect("it can be packaged"))
    };
    [
        package(0, "dev", "ingestion=direct"),
        package(1, "prod", "ingestion=direct"),
        package(2, "prod", "ingestion=queued"),
        package(3, "dev", "ingestion=draining"),
    ]
}

/// Those of [`mysql`] in which post-log writes to the database and there is no queue.
pub(crate) fn direct() -> [&'static Template; 4] {
    [variant("dev", "created"), variant("dev", "existing"), variant("prod", "created"), variant("prod", "existing")]
}

/// The variant of [`mysql`] in which post-log writes to a queue.
pub(crate) fn queued() -> &'static Template {
    static PACKAGED: OnceLock<Template> = OnceLock::new();
    PACKAGED.get_or_init(|| Project::copy().package("prod", &["ingestion=queued"]).expect("it can be packaged"))
}

/// The variant of [`mysql`] in which post-log writes to the database, beside a queue.
pub(crate) fn draining() -> &'static Template {
    static PACKAGED: OnceLock<Template> = OnceLock::new();
    let parameters = [&["ingestion=draining"], &EXISTING[..]].concat();
    PACKAGED.get_or_init(|| Project::copy().package("dev", &parameters).expect("it can be packaged"))
}

/// One of the [`direct`] ones.
pub(crate) fn variant(stage: &str, database: &str) -> &'static Template {
    static PACKAGED: [OnceLock<Template>; 4] = [const { OnceLock::new() }; 4];
    let place = usize::from(stage == "prod") * 2 + usize::from(database == "existing");
    let parameters = if database == "existing" { &EXISTING[..] } else { &[] };
    PACKAGED[place].get_or_init(|| Project::copy().package(stage, parameters).expect("it can be packaged"))
}

/// A copy of what osls reads, to package it, changed or not. Two runs in one folder would share files.
pub(crate) struct Project(TemporaryFolder);

impl Project {
    pub(crate) fn copy() -> Self {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let folder = temporary_folder();
        std::fs::create_dir_all(folder.path().join("crates/logs-core")).expect("the temporary folder can be written");
        for entry in ["serverless.yml", "infra", "openapi", "page", "crates/logs-core/certificates"] {
            copy(&root.join(entry), &folder.path().join(entry));
        }
        // What is in a zip makes no difference to the template.
        for stage in ["dev", "prod"] {
            let zips = folder.path().join("target/lambda").join(stage);
            std::fs::create_dir_all(&zips).expect("the temporary folder can be written");
            for function in ["post-log", "get-logs", "migrate", "retention", "summarize", "store-logs"] {
                std::fs::write(zips.join(format!("{function}.zip")), function).expect("the folder was made just now");
            }
        }
        Self(folder)
    }

    /// Where a file of the copy is.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// What osls does besides the template, when the packaged stage is deployed: `stackPolicy`, `deletionProtection` …
    pub(crate) fn provider(&self) -> Value {
        let text = std::fs::read(self.path("packaged/serverless-state.json")).expect("osls writes its state");
        let state: Value = serde_json::from_slice(&text).expect("the state is JSON");
        state["service"]["provider"].clone()
    }

    /// Replaces a text that is there in a file.
    pub(crate) fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).expect("the file was copied");
        assert!(text.contains(from), "{file} does not contain {from}");
        std::fs::write(path, text.replace(from, to)).expect("the copy can be written");
    }

    /// Runs osls for a stage, with made-up credentials and nobody who would take them.
    fn osls(&self, command: &str, region: &str, stage: &str, parameters: &[&str]) -> Output {
        let osls = std::env::var("OSLS").expect("OSLS is not set; run ./dev test");
        Command::new(osls)
            .current_dir(self.0.path())
            .args([command, "--stage", stage, "--package", "packaged"])
            .args(parameters.iter().flat_map(|parameter| ["--param", parameter]))
            .env("HOME", self.0.path())
            .env("AWS_ACCESS_KEY_ID", "made-up")
            .env("AWS_SECRET_ACCESS_KEY", "made-up")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .env("AWS_REGION", region)
            .output()
            .expect("osls can be started")
    }

    /// What `osls deploy` says of what was packaged, when AWS cannot be reached.
    pub(crate) fn deploy_without_aws(&self, stage: &str) -> String {
        let output = self.osls("deploy", REGION, stage, &[]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Runs `osls package`; the error is what it printed.
    pub(crate) fn package(&self, stage: &str, parameters: &[&str]) -> Result<Template, String> {
        self.package_in(REGION, stage, parameters)
    }

    /// The same elsewhere.
    pub(crate) fn package_in(&self, region: &str, stage: &str, parameters: &[&str]) -> Result<Template, String> {
        let output = self.osls("package", region, stage, parameters);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned());
        }
        let path = self.path("packaged/cloudformation-template-update-stack.json");
        let text = std::fs::read(path).expect("osls writes the template");
        let name = [&[stage], parameters].concat().join(" ");
        let name = name.split_once(" databaseHost").map_or(name.as_str(), |(name, _)| name).to_owned();
        Ok(Template { name, json: serde_json::from_slice(&text).expect("the template is JSON") })
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).expect("the temporary folder can be written");
        for entry in std::fs::read_dir(from).expect("the project can be read") {
            let entry = entry.expect("the project can be read");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).expect("the project can be copied");
    }
}
