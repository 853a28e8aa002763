//! The two REST APIs: keys, deployments, and the validation of bodies.

use serde_json::{Value, json};

use crate::harness::{Project, Template, variant, variants};

/// Prefix of the logical ids, and the one method.
const APIS: [(&str, &str); 2] = [("PostLog", "post"), ("GetLogs", "get")];

fn body<'a>(template: &'a Template, api: &str) -> &'a Value {
    &template.properties(&format!("{api}Api"))["Body"]
}

/// The beginning of an ARN of this account and region.
fn arn_of(service: &str) -> String {
    format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}")
}

/// The Deployment that an API's stage serves.
fn deployment<'a>(template: &'a Template, api: &str) -> &'a str {
    let id = template.properties(&format!("{api}Stage"))["DeploymentId"]["Ref"].as_str().expect("a logical id");
    assert_eq!(template.properties(id)["RestApiId"], json!({ "Ref": format!("{api}Api") }));
    id
}

#[test]
fn each_api_has_one_key_which_opens_only_this_api() {
    for template in variants() {
        for kind in ["RestApi", "Stage", "ApiKey", "UsagePlan", "UsagePlanKey"] {
            assert_eq!(template.of_type(&format!("AWS::ApiGateway::{kind}")).len(), 2, "{}: {kind}", template.name);
        }
        for (api, _) in APIS {
            let plan = format!("{api}UsagePlan");
            let stages =
                json!([{ "ApiId": { "Ref": format!("{api}Api") }, "Stage": { "Ref": format!("{api}Stage") } }]);
            assert_eq!(template.properties(&plan)["ApiStages"], stages);
            let expected = json!({
                "UsagePlanId": { "Ref": plan },
                "KeyId": { "Ref": format!("{api}ApiKey") },
                "KeyType": "API_KEY",
            });
            assert_eq!(template.properties(&format!("{api}UsagePlanKey")), &expected);
            assert!(template.properties(&format!("{api}ApiKey")).get("StageKeys").is_none());
        }
    }
}

/// The keys of an API's usage plan.
fn keys_of<'a>(template: &'a Template, api: &str) -> Vec<&'a str> {
    let plan = json!({ "Ref": format!("{api}UsagePlan") });
    let all = template.of_type("AWS::ApiGateway::UsagePlanKey").into_iter();
    let of_plan = all.filter(|(_, plan_key)| plan_key["UsagePlanId"] == plan);
    of_plan.map(|(_, plan_key)| plan_key["KeyId"]["Ref"].as_str().expect("a logical id")).collect()
}

#[test]
fn while_a_key_is_rotated_the_old_and_the_new_one_are_valid_and_the_old_one_is_the_same() {
    let (before, project) = (variant("dev", "created"), Project::copy());
    let both = project.package("dev", &["postLogKeys=1,2"]).expect("it can be packaged");
    assert_eq!(keys_of(&both, "PostLog"), ["PostLogApiKey", "PostLogApiKey2"]);
    assert_eq!(both.resources()["PostLogApiKey"], before.resources()["PostLogApiKey"]);
    assert_eq!(both.resources()["PostLogUsagePlanKey"], before.resources()["PostLogUsagePlanKey"]);
    assert_eq!(both.properties("PostLogApiKey2"), &json!({ "Name": "error-codes-dev-post-log-2", "Enabled": true }));
    assert_eq!(both.json["Outputs"]["PostLogApiKeyId2"]["Value"], json!({ "Ref": "PostLogApiKey2" }));
    assert_eq!(deployment(&both, "PostLog"), deployment(before, "PostLog"), "the API itself stays as it is");

    let after = project.package("dev", &["postLogKeys=2"]).expect("it can be packaged");
    assert_eq!(keys_of(&after, "PostLog"), ["PostLogApiKey2"]);
    assert_eq!(after.resources()["PostLogApiKey2"], both.resources()["PostLogApiKey2"]);
    assert!(after.json["Outputs"].get("PostLogApiKeyId").is_none(), "its key is gone");
    assert_eq!(keys_of(&after, "GetLogs"), ["GetLogsApiKey"], "the other API keeps its key");
}

#[test]
fn each_fleet_may_have_a_key_with_a_name() {
    let template = Project::copy().package("dev", &["getLogsKeys=hall, roof2"]).expect("it can be packaged");
    assert_eq!(keys_of(&template, "GetLogs"), ["GetLogsApiKeyHall", "GetLogsApiKeyRoof2"]);
    assert_eq!(template.properties("GetLogsApiKeyHall")["Name"], "error-codes-dev-get-logs-hall");
}

#[test]
fn the_page_is_that_of_the_local_gateway_and_needs_no_function() {
    for template in variants() {
        let page = &body(template, "GetLogs")["paths"]["/"]["get"];
        assert_eq!(page["security"], json!([]));
        let integration = &page["x-amazon-apigateway-integration"];
        assert_eq!(integration["type"], "mock");
        let response = &integration["responses"]["default"];
        let html = response["responseTemplates"]["text/html"].as_str().expect("the page");
        assert_eq!(html, local::gateway::page(None).expect("there are no names"));
        let declared = page["responses"]["200"]["headers"].as_object().expect("headers");
        for name in declared.keys() {
            assert!(response["responseParameters"][format!("method.response.header.{name}")].is_string(), "{name}");
        }
    }
}

#[test]
fn every_method_but_options_needs_the_key() {
    for template in variants() {
        for (api, only) in APIS {
            let properties = template.properties(&format!("{api}Api"));
            assert_eq!(properties["ApiKeySourceType"], "HEADER");
            let body = body(template, api);
            let scheme = &body["components"]["securitySchemes"]["api_key"];
            assert_eq!(
                (&scheme["type"], &scheme["in"], &scheme["name"]),
                (&json!("apiKey"), &json!("header"), &json!("x-api-key"))
            );
            let paths = body["paths"].as_object().expect("there are paths");
            // The page holds no data; everything else is below /logs.
            let expected: &[&str] = if api == "GetLogs" { &["/", "/codes", "/logs"] } else { &["/logs"] };
            assert_eq!(paths.keys().collect::<Vec<_>>(), expected);
            for (method, operation) in paths["/logs"].as_object().expect("there are methods") {
                let needs = if method == "options" { json!([]) } else { json!([{ "api_key": [] }]) };
                assert_eq!(operation["security"], needs, "{}: {api} {method}", template.name);
                assert!(method == "options" || method == only, "{}: {api} {method}", template.name);
            }
        }
    }
}

#[test]
fn each_usage_plan_has_rate_burst_and_quota_and_the_stage_bounds_what_needs_no_key() {
    for template in variants() {
        for (api, _) in APIS {
            let plan = template.properties(&format!("{api}UsagePlan"));
            let stage = template.properties(&format!("{api}Stage"));
            for (of_plan, of_stage) in [("RateLimit", "ThrottlingRateLimit"), ("BurstLimit", "ThrottlingBurstLimit")] {
                assert!(plan["Throttle"][of_plan].as_u64() > Some(0), "{}: {api} {of_plan}", template.name);
                assert_eq!(stage["MethodSettings"][0][of_stage], plan["Throttle"][of_plan]);
            }
            // OPTIONS needs no key, but each request costs money.
            let preflight = stage["MethodSettings"].as_array().expect("a list").iter().find(|settings| {
                (&settings["ResourcePath"], &settings["HttpMethod"]) == (&json!("/~1logs"), &json!("OPTIONS"))
            });
            let rate = preflight.map(|settings| settings["ThrottlingRateLimit"].as_u64().expect("a number"));
            assert_eq!(rate, (api == "PostLog").then_some(20), "{}: {api}", template.name);
            assert_eq!(plan["Quota"]["Period"], "DAY");
            assert!(plan["Quota"]["Limit"].as_u64() > Some(0), "{}: {api}", template.name);
        }
    }
}

#[test]
fn a_changed_document_goes_live_and_leaves_the_other_api_alone() {
    let before = variant("dev", "created");
    let project = Project::copy();
    project.change("openapi/post-log.yml", "summary: Report error codes", "summary: Report some error codes");
    let after = project.package("dev", &[]).expect("it can be packaged");
    assert_ne!(deployment(before, "PostLog"), deployment(&after, "PostLog"));
    assert_eq!(deployment(before, "GetLogs"), deployment(&after, "GetLogs"));
}

#[test]
fn so_does_a_change_that_comes_from_a_parameter() {
    let before = variant("dev", "created");
    let after = Project::copy().package("dev", &["allowedOrigin=https://dashboard.example.com"]);
    let after = after.expect("it can be packaged");
    for (api, _) in APIS {
        assert_ne!(deployment(before, api), deployment(&after, api));
        assert!(body(&after, api).to_string().contains("'https://dashboard.example.com'"));
        assert!(!body(&after, api).to_string().contains("'*'"));
    }
}

#[test]
fn only_its_own_stage_method_and_path_may_call_a_function() {
    for template in variants() {
        let stage = template.stage();
        let permissions = template.of_type("AWS::Lambda::Permission");
        let of_apis =
            permissions.iter().filter(|(_, permission)| permission["Principal"] == "apigateway.amazonaws.com");
        assert_eq!(of_apis.count(), 2, "{}", template.name);
        for (api, method) in APIS {
            // The get API has two paths with the function behind them.
            let paths = if api == "GetLogs" { "*" } else { "logs" };
            let source = format!("{}:${{{api}Api}}/{stage}/{}/{paths}", arn_of("execute-api"), method.to_uppercase());
            let expected = json!({
                "Action": "lambda:InvokeFunction",
                "Principal": "apigateway.amazonaws.com",
                "FunctionName": { "Fn::Sub": format!("${{{api}Alias}}") },
                "SourceArn": { "Fn::Sub": source },
            });
            assert_eq!(template.properties(&format!("{api}Permission")), &expected);
            let integration = &body(template, api)["paths"]["/logs"][method]["x-amazon-apigateway-integration"];
            let lambda = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31";
            let uri = format!("{lambda}/functions/${{{api}Alias}}/invocations");
            assert_eq!(integration["uri"], json!({ "Fn::Sub": uri }));
            // Lambda is always called with POST, whatever the method of the API.
            assert_eq!((&integration["type"], &integration["httpMethod"]), (&json!("aws_proxy"), &json!("POST")));
        }
    }
}

#[test]
fn a_stage_waits_for_the_permission_and_for_the_role_that_its_log_needs() {
    for template in variants() {
        for (api, _) in APIS {
            let permission = format!("{api}Permission");
            assert_eq!(template.depends_on(&format!("{api}Stage")), [permission.as_str(), "GatewayAccount"]);
        }
    }
    let template = Project::copy().package("dev", &["gatewayAccount=existing"]).expect("it can be packaged");
    for (api, _) in APIS {
        assert_eq!(template.depends_on(&format!("{api}Stage")), [format!("{api}Permission")]);
    }
    assert_eq!(template.of_type("AWS::ApiGateway::Account").len(), 0);
    assert_eq!(template.of_type("AWS::IAM::Role").len(), 5, "one for each function");
}

#[test]
fn the_access_log_is_json_with_both_request_ids_and_nothing_that_a_client_writes() {
    for template in variants() {
        for (api, _) in APIS {
            let log = &template.properties(&format!("{api}Stage"))["AccessLogSetting"];
            let line: Value = serde_json::from_str(log["Format"].as_str().expect("a text")).expect("JSON");
            assert_eq!(line["request_id"], "$context.requestId");
            assert_eq!(line["integration_request_id"], "$context.integration.requestId");
            for theirs in
                ["userAgent", "$context.path", "error.message", "validationErrorString", "apiKey\"", "authorizer"]
            {
                assert!(!line.to_string().contains(theirs), "{api}: {theirs}");
            }
            let group = format!("{}:log-group:${{{api}AccessLog}}", arn_of("logs"));
            assert_eq!(log["DestinationArn"], json!({ "Fn::Sub": group }));
        }
    }
}

#[test]
fn requests_are_unpacked_and_answers_compressed_by_resource_and_document_alike() {
    for template in variants() {
        for (api, _) in APIS {
            let properties = template.properties(&format!("{api}Api"));
            assert!(properties["MinimumCompressionSize"].is_u64(), "null would pass gzip on as it is");
            let body = body(template, api);
            assert_eq!(body["x-amazon-apigateway-minimum-compression-size"], properties["MinimumCompressionSize"]);
            assert_eq!(body["x-amazon-apigateway-api-key-source"], properties["ApiKeySourceType"]);
            assert_eq!(body["info"]["title"], properties["Name"], "the import takes the name from the title");
            assert_eq!(properties["EndpointConfiguration"], json!({ "Types": ["REGIONAL"] }));
            assert_eq!(properties["Mode"], "overwrite");
        }
    }
}

#[test]
fn the_gateway_checks_the_envelope_and_no_record() {
    for template in variants() {
        let body = body(template, "PostLog");
        let post = &body["paths"]["/logs"]["post"];
        let validator = post["x-amazon-apigateway-request-validator"].as_str().expect("POST has a validator");
        let expected = json!({ "validateRequestBody": true, "validateRequestParameters": false });
        assert_eq!(body["x-amazon-apigateway-request-validators"][validator], expected);
        let content = post["requestBody"]["content"].as_object().expect("there is a body");
        // A content type without a model is not validated, so a wrong one is accepted.
        assert_eq!(content.keys().collect::<Vec<_>>(), ["application/json"]);
        assert_eq!(content["application/json"]["schema"], json!({ "$ref": "#/components/schemas/Batch" }));
        // With only these keywords an array, an object and a record pass, whatever they contain: none checks an item or
        // a type. A batch of only wrong records passes as well; the function refuses it.
        let mut model = body["components"]["schemas"]["Batch"].clone();
        for part in ["/description", "/properties/payload/description"] {
            let (parent, word) = part.rsplit_once('/').expect("it has a slash");
            model.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(word);
        }
        assert_eq!(model, json!({ "minItems": 1, "properties": { "payload": { "minItems": 1 } } }));
    }
}

#[test]
fn a_preflight_is_answered_without_function_and_never_with_500() {
    for template in variants() {
        for (api, method) in APIS {
            let preflight = &body(template, api)["paths"]["/logs"]["options"]["x-amazon-apigateway-integration"];
            assert_eq!(preflight["type"], "mock");
            // Otherwise a Content-Type without a template would reach the mock integration, which would fail.
            assert_eq!(preflight["passthroughBehavior"], "never");
            for (content_type, template) in preflight["requestTemplates"].as_object().expect("there are templates") {
                assert_eq!(template, r#"{"statusCode":204}"#, "{content_type}");
            }
            assert!(preflight["requestTemplates"]["application/json"].is_string(), "what no Content-Type counts as");
            let methods = if method == "post" { "'OPTIONS,POST'" } else { "'GET,OPTIONS'" };
            let expected = json!({ "default": { "statusCode": "204", "responseParameters": {
                "method.response.header.access-control-allow-origin": "'*'",
                "method.response.header.access-control-allow-methods": methods,
                "method.response.header.access-control-allow-headers": "'x-api-key,content-type,idempotency-key'",
            } } });
            assert_eq!(preflight["responses"], expected);
        }
    }
}
