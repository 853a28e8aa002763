//! What an idle stage costs.

use serde_json::Value;

use super::bill::{Item, grouped};
use super::prices::Prices;
use super::template::{Template, number};
use crate::Failure;

/// Types that cost nothing while idle. `running` has the costs of their use.
const FREE: [&str; 35] = [
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGateway::UsagePlan",
    "AWS::ApiGateway::UsagePlanKey",
    "AWS::Budgets::Budget",
    "AWS::CodeDeploy::Application",
    // For Lambda it costs nothing.
    "AWS::CodeDeploy::DeploymentGroup",
    // On demand, with TTL. Backups and storage go by the GB.
    "AWS::DynamoDB::Table",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    // Ten deployments of some MB each: less than a cent.
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
];

/// Types that [`items`] has a price for.
const PRICED: [&str; 8] = [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::Rule",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventSourceMapping",
    "AWS::RDS::DBInstance",
    "AWS::SecretsManager::Secret",
];

/// Metrics that `summarize` writes in each run, whatever it finds: `SummaryLag` and `ColdStart`.
const METRICS_OF_SUMMARIZE: f64 = 2.0;

/// The days on which a database with working hours runs.
const WORKDAYS: f64 = 5.0;

const HOURS_OF_A_WEEK: f64 = 168.0;

/// The items of an idle month. A type of resource without a price is an error, so that no bill leaves it out.
pub(super) fn items(template: &Template, prices: &Prices) -> Result<Vec<Item>, Failure> {
    let mut unknown = template.resources().filter(|(_, kind, _)| !FREE.contains(kind) && !PRICED.contains(kind));
    if let Some((id, kind, _)) = unknown.next() {
        return Err(format!("{id} is an {kind}, whose price ./dev costs does not know").into());
    }
    let mut items = Vec::new();
    for server in template.of_type("AWS::RDS::DBInstance") {
        items.extend(database(template, server, prices)?);
    }
    items.extend(endpoints(template, prices)?);
    items.extend(secrets(template, prices));
    items.extend(alarms(template, prices));
    let dashboards = count(template.of_type("AWS::CloudWatch::Dashboard").len());
    items.extend(each("dashboard", dashboards, prices.region.dashboard));
    let metrics = if template.has("SummarizeLambdaFunction") { METRICS_OF_SUMMARIZE } else { 0.0 };
    items.extend(each("metrics of summarize", metrics, prices.region.metric));
    for rule in template.of_type("AWS::Events::Rule") {
        items.extend(schedule(template, rule, prices)?);
    }
    for _ in template.of_type("AWS::Lambda::EventSourceMapping") {
        let receives = prices.assumed.empty_receives_a_month;
        let arithmetic = format!("{} receives of an empty queue", grouped(receives));
        items.push(Item::new("queue", arithmetic, prices.messages(receives)));
    }
    for alias in template.of_type("AWS::Lambda::Alias") {
        items.extend(warm(template, alias, prices)?);
    }
    Ok(items)
}

/// The item for `count` things at a price. None if there are no such things.
fn each(name: &'static str, number: f64, price: f64) -> Option<Item> {
    (number > 0.0).then(|| Item::new(name, format!("{number} x {price:.2}"), number * price))
}

#[expect(clippy::cast_precision_loss, reason = "a template has at most 500 resources")]
const fn count(number: usize) -> f64 {
    number as f64
}

fn database(template: &Template, server: &Value, prices: &Prices) -> Result<[Item; 2], Failure> {
    let class = server["DBInstanceClass"].as_str().ok_or("the database has no class")?;
    let are_two = server["MultiAZ"] == true;
    let hours = prices.assumed.hours_of_a_month * running_share(template)?;
    let hour = prices.server_hour(class, are_two)?;
    let servers = if are_two { "two servers" } else { "one server" };
    let (gigabytes, gigabyte) = (number(server, "AllocatedStorage")?, prices.server_gb(are_two));
    Ok([
        Item::new("database", format!("{class}, {servers}: {hours:.0} h x {hour:.3}"), hours * hour),
        Item::new("database's disk", format!("{gigabytes} GB x {gigabyte:.3}"), gigabytes * gigabyte),
    ])
}

/// The share of a week in which the database runs: all of it, unless schedules start and stop it.
fn running_share(template: &Template) -> Result<f64, Failure> {
    let schedules = template.of_type("AWS::Scheduler::Schedule");
    // Of cron(0 HOUR ? * MON-FRI *), in UTC.
    let hour = |action: &str| {
        let mut calls = schedules.iter().filter(|schedule| schedule["Target"]["Arn"].to_string().contains(action));
        let when = calls.next()?["ScheduleExpression"].as_str()?;
        when.split(' ').nth(1)?.parse::<i32>().ok()
    };
    if schedules.is_empty() {
        return Ok(1.0);
    }
    let hours = hour("stopDBInstance").zip(hour("startDBInstance")).map(|(stop, start)| f64::from(stop - start));
    Ok(hours.ok_or("when does the database start and stop?")? * WORKDAYS / HOURS_OF_A_WEEK)
}

/// An interface endpoint costs per zone.
fn endpoints(template: &Template, prices: &Prices) -> Result<Vec<Item>, Failure> {
    let interfaces = template.of_type("AWS::EC2::VPCEndpoint").into_iter();
    let interfaces = interfaces.filter(|endpoint| endpoint["VpcEndpointType"] == "Interface");
    let item = |endpoint: &Value| {
        let name = endpoint["ServiceName"]["Fn::Sub"].as_str().and_then(|name| name.rsplit('.').next());
        let zones = count(endpoint["SubnetIds"].as_array().ok_or("an endpoint has no subnets")?.len());
        let (hours, hour) = (prices.assumed.hours_of_a_month, prices.region.endpoint_hour);
        let in_zones = if zones > 1.0 { format!(" x {zones} zones") } else { String::new() };
        let arithmetic = format!("{}: {hours} h{in_zones} x {hour:.3}", name.unwrap_or_default());
        Ok(Item::new("endpoint", arithmetic, hours * zones * hour))
    };
    interfaces.map(item).collect()
}

/// With that of the administrator, which RDS makes.
fn secrets(template: &Template, prices: &Prices) -> Option<Item> {
    let servers = template.of_type("AWS::RDS::DBInstance").into_iter();
    let of_rds = servers.filter(|server| server["ManageMasterUserPassword"] == true).count();
    let number = count(template.of_type("AWS::SecretsManager::Secret").len() + of_rds);
    each("secrets", number, prices.region.secret)
}

/// An alarm costs as much as the metrics it watches.
fn alarms(template: &Template, prices: &Prices) -> Option<Item> {
    let watched = |alarm: &Value| {
        let all = alarm["Metrics"].as_array();
        all.map_or(1, |all| all.iter().filter(|metric| metric.get("MetricStat").is_some()).count())
    };
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    let metrics = count(alarms.iter().map(|alarm| watched(alarm)).sum());
    let price = prices.region.alarm_metric;
    let arithmetic = format!("{} alarms, {metrics} metrics x {price:.2}", alarms.len());
    (metrics > 0.0).then(|| Item::new("alarms", arithmetic, metrics * price))
}

/// A function that is called by the clock. X-Ray records the first call in each second, so all of these.
fn schedule(template: &Template, rule: &Value, prices: &Prices) -> Result<Vec<Item>, Failure> {
    // The ARN of the function, and its alias.
    let called = &rule["Targets"][0]["Arn"]["Fn::Join"][1][0];
    let function = called["Fn::GetAtt"][0].as_str().ok_or("a schedule calls no function")?;
    let rate = rule["ScheduleExpression"].as_str().unwrap_or_default();
    let minutes = rate.strip_prefix("rate(").and_then(|rate| rate.split(' ').next()?.parse::<u32>().ok());
    let minutes = f64::from(
        minutes.filter(|_| rate.contains("minute")).ok_or(format!("the schedule {rate} has an unknown unit"))?,
    );
    let calls = prices.assumed.hours_of_a_month * 60.0 / minutes;
    let seconds = calls * prices.assumed.scheduled_call_seconds;
    let function_name = template.properties(function)?["FunctionName"].as_str().unwrap_or_default();
    let name = if function_name.ends_with("-summarize") { "summarize" } else { "retention" };
    let dollars = prices.calls(calls, seconds, &template.size(function)?)? + prices.logs(calls);
    let mut items = vec![Item::new(name, format!("{} calls and their logs", grouped(calls)), dollars)];
    if template.is_traced(function)? {
        items.push(Item::new(name, format!("{} traces", grouped(calls)), prices.traces(calls)));
    }
    Ok(items)
}

fn warm(template: &Template, alias: &Value, prices: &Prices) -> Result<Option<Item>, Failure> {
    let settings = &alias["ProvisionedConcurrencyConfig"];
    if settings.is_null() {
        return Ok(None);
    }
    let environments = number(settings, "ProvisionedConcurrentExecutions")?;
    let function = alias["FunctionName"]["Ref"].as_str().ok_or("an alias has no function")?;
    let dollars = prices.warm(environments, &template.size(function)?)?;
    Ok(Some(Item::new("warm environments", format!("{environments} x {function}"), dollars)))
}
