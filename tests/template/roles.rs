//! Who may do what: each role's rights, all of them.

use serde_json::{Value, json};

use crate::harness::{Template, variants};

/// A function, the logical ids that belong to it, and the secrets that it reads.
fn roles(template: &Template) -> [(&'static str, &'static str, &'static str, Value); 4] {
    let admin = if template.resources().contains_key("Database") {
        json!({ "Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"] })
    } else {
        json!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf")
    };
    [
        ("post-log", "PostLog", "OwnSecret", json!({ "Ref": "PostLogSecret" })),
        ("get-logs", "GetLogs", "OwnSecret", json!({ "Ref": "GetLogsSecret" })),
        (
            "migrate",
            "Migrate",
            "Secrets",
            json!([admin, { "Ref": "PostLogSecret" }, { "Ref": "GetLogsSecret" }, { "Ref": "RetentionSecret" }]),
        ),
        ("retention", "Retention", "OwnSecret", json!({ "Ref": "RetentionSecret" })),
    ]
}

fn statements(stage: &str, name: &str, id: &str, sid: &str, secrets: &Value) -> Value {
    let lambda = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function";
    let function = format!("{lambda}:error-codes-{stage}-{name}");
    json!([
        { "Sid": sid, "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secrets },
        {
            "Sid": "OwnLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": { "Fn::GetAtt": [format!("{id}LogGroup"), "Arn"] },
        },
        {
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
        },
        {
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
        },
        {
            "Sid": "Traces",
            "Effect": "Allow",
            "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            "Resource": "*",
        },
    ])
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
        for (name, id, sid, secrets) in roles(template) {
            let statements = statements(template.stage(), name, id, sid, &secrets);
            let document = json!({ "Version": "2012-10-17", "Statement": statements });
            let expected = json!({
                "AssumeRolePolicyDocument": trusting("lambda.amazonaws.com"),
                "Policies": [{ "PolicyName": name, "PolicyDocument": document }],
            });
            assert_eq!(template.properties(&format!("{id}Role")), &expected, "{}: {name}", template.name);
            let function = template.properties(&format!("{id}LambdaFunction"));
            assert_eq!(function["Role"], json!({ "Fn::Sub": format!("${{{id}Role.Arn}}") }));
        }
    }
}

#[test]
fn there_is_no_other_role_but_the_one_for_the_gateways_logs() {
    for template in variants() {
        let mut ids: Vec<_> = template.of_type("AWS::IAM::Role").into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        assert_eq!(
            ids,
            ["GatewayLogRole", "GetLogsRole", "MigrateRole", "PostLogRole", "RetentionRole"],
            "{}",
            template.name
        );
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
    for template in variants().into_iter().filter(|template| template.resources().contains_key("SecretsEndpoint")) {
        let expected = json!([{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": [
                { "Ref": "PostLogSecret" },
                { "Ref": "GetLogsSecret" },
                { "Ref": "RetentionSecret" },
                { "Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"] },
            ],
            "Condition": { "ArnEquals": { "aws:PrincipalArn": [
                { "Fn::GetAtt": ["PostLogRole", "Arn"] },
                { "Fn::GetAtt": ["GetLogsRole", "Arn"] },
                { "Fn::GetAtt": ["MigrateRole", "Arn"] },
                { "Fn::GetAtt": ["RetentionRole", "Arn"] },
            ] } },
        }]);
        assert_eq!(template.properties("SecretsEndpoint")["PolicyDocument"]["Statement"], expected);
    }
}

#[test]
fn only_this_accounts_alarms_may_write_to_the_topic() {
    for template in variants() {
        let expected = json!([{
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": "sns:Publish",
            "Resource": { "Ref": "AlarmTopic" },
            "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
        }]);
        assert_eq!(template.properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"], expected);
    }
}
