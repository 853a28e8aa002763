//! All permissions of each role.

use serde_json::{Value, json};

use crate::harness::{Project, RESOURCE_ID, Template, variants};

/// The role of a function, as it should be.
struct Role {
    /// Its logical id.
    id: &'static str,
    function: &'static str,
    /// The prefix of the function's logical ids.
    prefix: &'static str,
    /// The permissions that only this role has.
    own: Vec<Value>,
    /// The permissions for its database login, if it has a database user.
    login: Option<Value>,
    /// Whether the function runs in the network.
    is_inside: bool,
}

fn allow(sid: &str, action: &Value, resource: &Value) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource })
}

fn secrets(sid: &str, secrets: &Value) -> Value {
    allow(sid, &json!("secretsmanager:GetSecretValue"), secrets)
}

fn roles(template: &Template) -> Vec<Role> {
    if template.has("Table") { roles_for_the_table(template) } else { roles_for_mysql(template) }
}

fn roles_for_the_table(template: &Template) -> Vec<Role> {
    let table = json!({ "Fn::GetAtt": ["Table", "Arn"] });
    let queue = json!({ "Fn::GetAtt": ["Queue", "Arn"] });
    let read = json!(["dynamodb:Query"]);
    let write = json!(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]);
    let store = json!(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]);
    let receive = json!(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]);
    let role = |id, function, prefix, own| Role { id, function, prefix, own, login: None, is_inside: false };
    let mut roles = vec![role("GetLogsRole", "get-logs", "GetLogs", vec![allow("Table", &read, &table)])];
    if template.is_queued() {
        // It has no right on the table.
        let own = vec![allow("Queue", &json!("sqs:SendMessage"), &queue)];
        roles.push(role("PostLogQueueRole", "post-log", "PostLog", own));
    } else {
        roles.push(role("PostLogRole", "post-log", "PostLog", vec![allow("Table", &write, &table)]));
    }
    if template.has("Queue") {
        let own = vec![allow("Table", &store, &table), allow("Queue", &receive, &queue)];
        roles.push(role("StoreLogsRole", "store-logs", "StoreLogs", own));
    }
    roles
}

fn roles_for_mysql(template: &Template) -> Vec<Role> {
    let admin = if template.has("Database") {
        json!({ "Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"] })
    } else {
        json!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf")
    };
    let mut of_migrate = vec![admin];
    // While a login is switched, migrate switches it to IAM here.
    if !template.has_iam() {
        let with_queue = if template.has("Queue") { &["StoreLogsSecret"][..] } else { &[] };
        let all = ["PostLogSecret", "GetLogsSecret", "RetentionSecret", "SummarizeSecret"];
        of_migrate.extend(all.iter().chain(with_queue).map(|id| json!({ "Ref": id })));
    }
    let role = |id, function: &'static str, prefix: &'static str, own| {
        let login = match function {
            "migrate" => policy(&[secrets("Secrets", &json!(of_migrate))]),
            _ => login(template, function, prefix),
        };
        Role { id, function, prefix, own, login: Some(login), is_inside: true }
    };
    let queue = json!({ "Fn::GetAtt": ["Queue", "Arn"] });
    let mut roles = vec![
        role("GetLogsRole", "get-logs", "GetLogs", vec![]),
        role("MigrateRole", "migrate", "Migrate", vec![]),
        role("RetentionRole", "retention", "Retention", vec![]),
        role("SummarizeRole", "summarize", "Summarize", vec![new_codes(template)]),
    ];
    if template.is_queued() {
        let own = vec![allow("Queue", &json!("sqs:SendMessage"), &queue)];
        roles.push(Role { is_inside: false, login: None, ..role("PostLogQueueRole", "post-log", "PostLog", own) });
    } else {
        roles.push(role("PostLogRole", "post-log", "PostLog", vec![]));
    }
    if template.has("Queue") {
        // Lambda's poller asks for the attributes, too.
        let receive = json!(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]);
        let own = vec![allow("Queue", &receive, &queue)];
        roles.push(role("StoreLogsRole", "store-logs", "StoreLogs", own));
    }
    roles
}

/// Only its own user of this server, only its own secret, or both while the login is switched.
fn login(template: &Template, function: &str, prefix: &str) -> Value {
    let mut all = Vec::new();
    if template.has_iam() {
        let user = format!("{}_{}", function.replace('-', "_"), template.stage());
        let arn = "arn:${AWS::Partition}:rds-db:${AWS::Region}:${AWS::AccountId}:dbuser:${ResourceId}/";
        let server = if template.has("Database") {
            json!({ "Fn::GetAtt": ["Database", "DbiResourceId"] })
        } else {
            json!(RESOURCE_ID.replace("databaseResourceId=", ""))
        };
        let resource = json!({ "Fn::Sub": [format!("{arn}{user}"), { "ResourceId": server }] });
        all.push(allow("OwnDatabaseUser", &json!("rds-db:connect"), &resource));
    }
    if template.has_secrets() {
        all.push(secrets("OwnSecret", &json!({ "Ref": format!("{prefix}Secret") })));
    }
    policy(&all)
}

/// What a role may do to log in.
fn policy(statements: &[Value]) -> Value {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    json!({ "PolicyName": "database-login", "PolicyDocument": document })
}

/// Whether summarize may announce new codes.
fn new_codes(template: &Template) -> Value {
    let topic = &template.properties("SummarizeLambdaFunction")["Environment"]["Variables"]["NEW_CODES_TOPIC_ARN"];
    if topic == "" {
        json!({ "Sid": "NewCodes", "Effect": "Deny", "Action": "sns:Publish", "Resource": "*" })
    } else {
        assert_eq!(topic, &json!({ "Ref": "AlarmTopic" }));
        allow("NewCodes", &json!("sns:Publish"), topic)
    }
}

fn statements(stage: &str, role: &Role) -> Value {
    let lambda = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function";
    let function = format!("{lambda}:error-codes-{stage}-{}*", role.function);
    let network = [
        json!({
            "Sid": "NetworkInterfacesForLambda",
            "Effect": "Allow",
            "Action": [
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": "*",
        }),
        json!({
            "Sid": "NoNetworkInterfacesForTheCode",
            "Effect": "Deny",
            "Action": [
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DetachNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": "*",
            "Condition": { "ArnEquals": { "lambda:SourceFunctionArn": { "Fn::Sub": function } } },
        }),
    ];
    let logs = json!({ "Fn::GetAtt": [format!("{}LogGroup", role.prefix), "Arn"] });
    let mut all = role.own.clone();
    all.push(allow("OwnLogs", &json!(["logs:CreateLogStream", "logs:PutLogEvents"]), &logs));
    if role.is_inside {
        all.extend(network);
    }
    let mut traces = allow("Traces", &json!(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]), &json!("*"));
    if stage == "dev" {
        traces["Effect"] = json!("Deny");
    }
    all.push(traces);
    json!(all)
}

fn trusting(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
    })
}

#[test]
fn each_function_has_a_role_with_exactly_these_rights() {
    for template in variants() {
        for role in roles(template) {
            let document = json!({ "Version": "2012-10-17", "Statement": statements(template.stage(), &role) });
            let own = json!({ "PolicyName": role.function, "PolicyDocument": document });
            let policies: Vec<_> = role.login.iter().chain([&own]).collect();
            let expected = json!({
                "AssumeRolePolicyDocument": trusting("lambda.amazonaws.com"),
                "Policies": policies,
            });
            assert_eq!(template.properties(role.id), &expected, "{}: {}", template.name, role.function);
            let function = template.properties(&format!("{}LambdaFunction", role.prefix));
            assert_eq!(function["Role"], json!({ "Fn::Sub": format!("${{{}.Arn}}", role.id) }));
        }
    }
}

#[test]
fn there_is_no_other_role_but_the_one_for_the_gateways_logs() {
    for template in variants() {
        let mut ids: Vec<_> = template.of_type("AWS::IAM::Role").into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        let mut expected: Vec<_> = roles(template).iter().map(|role| role.id).chain(["GatewayLogRole"]).collect();
        expected.sort_unstable();
        assert_eq!(ids, expected, "{}", template.name);
        let policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs";
        let expected = json!({
            "AssumeRolePolicyDocument": trusting("apigateway.amazonaws.com"),
            "ManagedPolicyArns": [{ "Fn::Sub": policy }],
        });
        assert_eq!(template.properties("GatewayLogRole"), &expected);
        for kind in ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::Group"] {
            assert_eq!(template.of_type(kind).len(), 0, "{}: {kind}", template.name);
        }
    }
}

#[test]
fn the_gateways_role_outlives_the_stack_because_the_account_goes_on_using_it() {
    for template in variants() {
        for id in ["GatewayLogRole", "GatewayAccount"] {
            let resource = &template.resources()[id];
            assert_eq!(
                (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
                (&json!("Retain"), &json!("Retain"))
            );
        }
    }
}

#[test]
fn the_endpoint_of_secrets_manager_lets_only_these_roles_read_only_these_secrets() {
    let draining = Project::copy().package("prod", &["ingestion=draining", "databaseLogin=secret"]);
    let draining = draining.expect("it can be packaged");
    let created = variants().into_iter().chain([&draining]);
    let created = created.filter(|template| template.has("SecretsEndpoint") && template.has_secrets());
    for template in created {
        let mut secrets = vec!["PostLogSecret", "GetLogsSecret", "RetentionSecret", "SummarizeSecret"];
        let mut roles = vec!["GetLogsRole", "MigrateRole", "RetentionRole", "SummarizeRole"];
        if template.has("Queue") {
            secrets.push("StoreLogsSecret");
            roles.push("StoreLogsRole");
        }
        // Otherwise it has no secret to read; migrate may read all of them.
        if !template.is_queued() {
            roles.insert(0, "PostLogRole");
        }
        let mut secrets: Vec<_> = secrets.into_iter().map(|id| json!({ "Ref": id })).collect();
        secrets.push(json!({ "Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"] }));
        let roles: Vec<_> = roles.into_iter().map(|id| json!({ "Fn::GetAtt": [id, "Arn"] })).collect();
        let expected = json!([{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secrets,
            "Condition": { "ArnEquals": { "aws:PrincipalArn": roles } },
        }]);
        let policy = &template.properties("SecretsEndpoint")["PolicyDocument"];
        assert_eq!(policy["Statement"], expected, "{}", template.name);
    }
}

#[test]
fn with_iam_the_endpoint_is_there_for_migrate_alone_and_in_one_zone() {
    for template in variants().into_iter().filter(|template| template.has("SecretsEndpoint")) {
        let endpoint = template.properties("SecretsEndpoint");
        if template.has_secrets() {
            continue;
        }
        let expected = json!([{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": { "Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"] },
            "Condition": { "ArnEquals": { "aws:PrincipalArn": { "Fn::GetAtt": ["MigrateRole", "Arn"] } } },
        }]);
        assert_eq!(endpoint["PolicyDocument"]["Statement"], expected, "{}", template.name);
        assert_eq!(endpoint["SubnetIds"], json!([{ "Ref": "SubnetA" }]), "{}", template.name);
    }
    let without = Project::copy().package("dev", &["secretsEndpoint=none"]).expect("it can be packaged");
    assert_eq!(without.of_type("AWS::EC2::VPCEndpoint").len(), 0);
    assert!(without.depends_on("MigrateLambdaFunction").iter().all(|id| without.has(id)));
}
