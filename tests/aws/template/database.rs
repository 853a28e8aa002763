//! MySQL and its network.

use serde_json::{Value, json};

use crate::harness::{Project, Template, draining, mysql, variant};

fn created() -> [&'static Template; 2] {
    [variant("dev", "created"), variant("prod", "created")]
}

/// The server's `max_connections`: from the parameter group, or from the operator's parameter.
fn max_connections(template: &Template) -> u64 {
    if !template.has("Database") {
        return 300;
    }
    let value = &template.properties("DatabaseParameters")["Parameters"]["max_connections"];
    value.as_u64().expect("a number")
}

#[test]
fn the_functions_never_need_more_connections_than_the_server_takes() {
    const HEADROOM: u64 = 10;
    for template in mysql() {
        let reserved = |id: &str| {
            let reserved = &template.properties(id)["ReservedConcurrentExecutions"];
            reserved.as_u64().unwrap_or_else(|| panic!("{}: {id} has no bound", template.name))
        };
        let mut most = HEADROOM;
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            let reserved = reserved(id);
            let is_called_one_at_a_time =
                ["MigrateLambdaFunction", "RetentionLambdaFunction", "SummarizeLambdaFunction"].contains(&id);
            if is_called_one_at_a_time {
                assert_eq!(reserved, 1, "{}: {id}", template.name);
                most += reserved;
            } else if function["Environment"]["Variables"].get("DB_HOST").is_some() {
                // Twice, because those of replaced environments stay open for a while.
                most += 2 * reserved;
            }
        }
        assert!(most < max_connections(template), "{}: {most}", template.name);
    }
}

#[test]
fn no_deployment_replaces_or_drops_the_database_and_nobody_removes_prod_by_accident() {
    let project = Project::copy();
    project.package("prod", &[]).expect("it can be packaged");
    let provider = project.provider();
    assert_eq!(provider["deletionProtection"], json!({ "stages": ["prod"] }));
    let deny = provider["stackPolicy"].as_array().expect("a list").iter().find(|rule| rule["Effect"] == "Deny");
    let expected = json!({
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["Update:Replace", "Update:Delete"],
        "Resource": "*",
        "Condition": { "StringEquals": { "ResourceType": ["AWS::RDS::DBInstance"] } },
    });
    assert_eq!(deny, Some(&expected));
}

#[test]
fn the_server_is_promised_no_more_connections_than_its_memory_carries() {
    for template in created() {
        let memory: u64 = match template.properties("Database")["DBInstanceClass"].as_str() {
            Some("db.t4g.micro") => 1,
            Some("db.t4g.medium") => 4,
            class => panic!("how much memory has {class:?}?"),
        };
        // RDS's own formula with three quarters of the nominal memory; the system needs the rest.
        let carried = memory * (1 << 30) * 3 / 4 / 12_582_880;
        assert!(max_connections(template) <= carried, "{}", template.name);
    }
}

#[test]
fn the_database_is_encrypted_private_patched_and_wants_tls() {
    for template in created() {
        let database = template.properties("Database");
        let expected = json!({
            "Engine": "mysql",
            "StorageEncrypted": true,
            "PubliclyAccessible": false,
            "AutoMinorVersionUpgrade": true,
            "CopyTagsToSnapshot": true,
            "CACertificateIdentifier": "rds-ca-rsa2048-g1",
            "DBSubnetGroupName": { "Ref": "DatabaseSubnets" },
            "DBParameterGroupName": { "Ref": "DatabaseParameters" },
            "VPCSecurityGroups": [{ "Fn::GetAtt": ["DatabaseSecurityGroup", "GroupId"] }],
        });
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&database[name], value, "{}: {name}", template.name);
        }
        assert!(database["EngineVersion"].as_str().is_some_and(|version| version.starts_with("8.4.")));
        assert_eq!(template.properties("DatabaseParameters")["Parameters"]["require_secure_transport"], "1");
        let bound = |name: &str| database[name].as_u64().expect("a number");
        assert!(bound("MaxAllocatedStorage") > bound("AllocatedStorage"), "it may grow");
    }
}

#[test]
fn the_created_database_takes_tokens_unless_the_functions_have_passwords() {
    for template in mysql().into_iter().filter(|template| template.has("Database")) {
        let takes_tokens = &template.properties("Database")["EnableIAMDatabaseAuthentication"];
        assert_eq!(takes_tokens, template.has_iam(), "{}", template.name);
        // RDS still manages the administrator's password, for migrate.
        assert_eq!(template.properties("Database")["ManageMasterUserPassword"], true);
    }
    for template in created() {
        assert!(template.has_iam() && !template.has_secrets(), "{}: IAM is the default", template.name);
    }
}

#[test]
fn the_data_of_prod_outlives_its_stack_and_a_broken_server() {
    let database = &variant("prod", "created").resources()["Database"];
    assert_eq!(
        (&database["DeletionPolicy"], &database["UpdateReplacePolicy"]),
        (&json!("Snapshot"), &json!("Snapshot"))
    );
    let properties = &database["Properties"];
    assert_eq!(properties["MultiAZ"], true);
    assert_eq!(properties["DeletionProtection"], true);
    assert_eq!(properties["DeleteAutomatedBackups"], false);
    assert!(properties["BackupRetentionPeriod"].as_u64() >= Some(14));
    let database = &variant("dev", "created").resources()["Database"];
    assert_eq!((&database["DeletionPolicy"], &database["UpdateReplacePolicy"]), (&json!("Delete"), &json!("Delete")));
    assert!(database["Properties"]["BackupRetentionPeriod"].as_u64() >= Some(1));
}

#[test]
fn only_the_functions_reach_the_database_and_they_reach_nothing_else() {
    for template in created() {
        let group = |id: &str| json!({ "Fn::GetAtt": [id, "GroupId"] });
        let rules = |value: &Value| {
            let rules = value.as_array().cloned().unwrap_or_default();
            rules
                .into_iter()
                .map(|rule| {
                    (
                        rule["FromPort"].clone(),
                        rule["ToPort"].clone(),
                        rule["DestinationSecurityGroupId"].clone(),
                        rule["CidrIp"].clone(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let functions = rules(&template.properties("FunctionsSecurityGroup")["SecurityGroupEgress"]);
        let to = |port: u16, id: &str| (json!(port), json!(port), group(id), Value::Null);
        assert_eq!(functions, [to(3306, "DatabaseSecurityGroup"), to(443, "EndpointSecurityGroup")]);
        for id in ["DatabaseSecurityGroup", "EndpointSecurityGroup"] {
            let nowhere = (json!(1), json!(1), Value::Null, json!("127.0.0.1/32"));
            assert_eq!(rules(&template.properties(id)["SecurityGroupEgress"]), [nowhere], "{id}");
        }
        for (id, properties) in template.of_type("AWS::EC2::SecurityGroup") {
            assert!(properties.get("SecurityGroupIngress").is_none(), "{id}: who gets in stands below");
        }
        let ingress: Vec<_> = template
            .of_type("AWS::EC2::SecurityGroupIngress")
            .into_iter()
            .map(|(_, rule)| (&rule["GroupId"], &rule["SourceSecurityGroupId"], &rule["FromPort"], &rule["ToPort"]))
            .collect();
        let source = group("FunctionsSecurityGroup");
        assert_eq!(
            ingress,
            [
                (&group("DatabaseSecurityGroup"), &source, &json!(3306), &json!(3306)),
                (&group("EndpointSecurityGroup"), &source, &json!(443), &json!(443)),
            ]
        );
        assert_eq!(template.of_type("AWS::EC2::SecurityGroupEgress").len(), 0);
    }
}

#[test]
fn the_network_has_two_zones_and_no_way_in_or_out() {
    for template in created() {
        let zones: Vec<_> =
            template.of_type("AWS::EC2::Subnet").into_iter().map(|(_, subnet)| &subnet["AvailabilityZone"]).collect();
        let [first, second] = zones[..] else { panic!("two subnets are expected") };
        assert_ne!(first, second);
        for kind in ["InternetGateway", "NatGateway", "Route", "VPCGatewayAttachment", "EIP", "VPCPeeringConnection"] {
            assert_eq!(template.of_type(&format!("AWS::EC2::{kind}")).len(), 0, "{}: {kind}", template.name);
        }
        let subnets = json!([{ "Ref": "SubnetA" }, { "Ref": "SubnetB" }]);
        assert_eq!(template.properties("DatabaseSubnets")["SubnetIds"], subnets);
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            let groups = json!([{ "Ref": "FunctionsSecurityGroup" }]);
            assert_eq!(function["VpcConfig"], json!({ "SecurityGroupIds": groups, "SubnetIds": subnets }), "{id}");
        }
        let endpoint = template.properties("SecretsEndpoint");
        let in_both = template.stage() == "prod" && template.has_secrets();
        let zones = if in_both { subnets } else { json!([{ "Ref": "SubnetA" }]) };
        assert_eq!(endpoint["SubnetIds"], zones, "{}: each zone is paid for", template.name);
        assert_eq!(endpoint["PrivateDnsEnabled"], true);
        assert_eq!(endpoint["ServiceName"], json!({ "Fn::Sub": "com.amazonaws.${AWS::Region}.secretsmanager" }));
    }
}

#[test]
fn an_existing_database_and_network_are_used_and_not_touched() {
    for template in [variant("dev", "existing"), variant("prod", "existing"), draining()] {
        for (id, resource) in template.resources() {
            let kind = resource["Type"].as_str().expect("a type");
            assert!(!kind.starts_with("AWS::RDS::") && !kind.starts_with("AWS::EC2::"), "{}: {id}", template.name);
        }
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            let expected = json!({
                "SecurityGroupIds": ["sg-0123456789abcdef0"],
                "SubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            });
            assert_eq!(function["VpcConfig"], expected, "{id}");
            let variables = &function["Environment"]["Variables"];
            assert_eq!(variables["DB_HOST"], "db.abc123.eu-central-1.rds.amazonaws.com", "{id}");
            assert_eq!(variables["DB_PORT"], "3306", "{id}");
            assert_eq!(variables["DB_NAME"], "Error_Logs", "{id}");
        }
    }
}

#[test]
fn the_users_of_the_stages_have_names_of_their_own() {
    for template in mysql() {
        let stage = template.stage();
        let mut users = vec![
            ("PostLogSecret", "post_log"),
            ("GetLogsSecret", "get_logs"),
            ("RetentionSecret", "retention"),
            ("SummarizeSecret", "summarize"),
        ];
        if template.has("Queue") {
            users.push(("StoreLogsSecret", "store_logs"));
        }
        let many = if template.has_secrets() { users.len() } else { 0 };
        assert_eq!(template.of_type("AWS::SecretsManager::Secret").len(), many, "{}", template.name);
        for (id, user) in users.into_iter().take(many) {
            let secret = &template.properties(id)["GenerateSecretString"];
            let login: Value =
                serde_json::from_str(secret["SecretStringTemplate"].as_str().expect("a text")).expect("JSON");
            assert_eq!(login, json!({ "username": format!("{user}_{stage}") }));
            assert_eq!(secret["GenerateStringKey"], "password");
        }
    }
}
