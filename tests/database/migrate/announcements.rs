//! summarize with its own database user: it counts codes, and announces new ones by SNS.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Deployment, report};
use crate::harness::{Moto, REGION, answer, event, record};

#[tokio::test]
async fn summarize_counts_and_announces_codes_with_its_own_database_user() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    let account = &deployment.account;
    let topic = Topic::create(&account.moto).await;
    let settings = topic.settings();
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let summarize = account.function("summarize", &deployment.counter, &settings);
    let run = async |event: Value| match summarize.run(&event).await {
        Ok(report) => report,
        Err(error) => panic!("{error}: {}", summarize.log()),
    };
    let post_log = account.function("post-log", &deployment.writer, &[]);
    let body = json!([record("a \n\"device\"", 107, 1), record("b", -8, 1)]).to_string();
    assert_eq!(post_log.send(&body).await.status, 200, "{}", post_log.log());
    let schedule = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
    let counted = run(schedule.clone()).await;
    assert_eq!(
        (&counted["counted"], &counted["new_codes"], &counted["complete"]),
        (&json!(2), &json!(2), &json!(true))
    );
    assert_eq!(run(schedule.clone()).await["counted"], 0);
    // Gaps are given up under a lock; the user must be allowed to take it.
    account.run("UPDATE Error_Logs.Summary_State SET counted_to = counted_to").await;
    account.run("INSERT INTO Error_Logs.Summary_Gaps VALUES (1000, 2000, 0)").await;
    assert_eq!(run(schedule).await["complete"], true, "{}", summarize.log());
    assert_eq!(run(json!({ "rebuild": true })).await["counted"], 2);

    let messages = topic.messages().await;
    let [message] = &messages[..] else { panic!("one message for both codes: {messages:?}") };
    assert_eq!(message["Subject"], "New error codes: -8, 107");
    let text = message["Message"].as_str().expect("a text");
    assert!(text.contains(r#"107: 1 so far; first from device "a \n\"device\"" at "#), "{text}");
    assert!(text.contains("\nhttps://example.org/dev/?code=107"), "{text}");

    let get_logs = account.function("get-logs", &deployment.reader, &[]);
    let answer = get_logs.invoke(&event_of("/codes")).await.expect("it answers");
    assert_eq!((answer.status, &answer.body["result"][0]["error_code"]), (200, &json!(-8)), "{}", get_logs.log());
    deployment.account.server.stop().await;
}

/// A topic, and a queue that receives its messages.
struct Topic<'a> {
    moto: &'a Moto,
    arn: String,
    queue: String,
}

impl<'a> Topic<'a> {
    async fn create(moto: &'a Moto) -> Self {
        let created = sns(moto, "CreateTopic", &[("Name", "alarms")]).await;
        let arn = created["CreateTopicResponse"]["CreateTopicResult"]["TopicArn"].as_str().expect("an ARN").to_owned();
        let queue = sqs(moto, "CreateQueue", &json!({ "QueueName": "people" })).await;
        let queue = queue["QueueUrl"].as_str().expect("a URL").to_owned();
        let account = arn.split(':').nth(4).expect("an account");
        let endpoint = format!("arn:aws:sqs:{REGION}:{account}:people");
        sns(moto, "Subscribe", &[("TopicArn", &arn), ("Protocol", "sqs"), ("Endpoint", &endpoint)]).await;
        Self { moto, arn, queue }
    }

    fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("NEW_CODES_TOPIC_ARN", self.arn.clone()),
            ("AWS_ENDPOINT_URL_SNS", self.moto.url().to_owned()),
            ("PAGE_URL", "https://example.org/dev/".to_owned()),
        ]
    }

    async fn messages(&self) -> Vec<Value> {
        let request = json!({ "QueueUrl": self.queue, "MaxNumberOfMessages": 10 });
        let received = sqs(self.moto, "ReceiveMessage", &request).await;
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        let body = |message: &Value| serde_json::from_str(message["Body"].as_str().expect("a text"));
        messages.iter().map(|message| body(message).expect("SNS sends JSON")).collect()
    }
}

async fn sns(moto: &Moto, action: &str, parameters: &[(&str, &str)]) -> Value {
    let form = [&[("Action", action), ("Version", "2010-03-31"), ("ContentType", "JSON")], parameters].concat();
    let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", value.replace(':', "%3A"))).collect();
    let request = moto.request("sns", Method::POST, "/").header("content-type", "application/x-www-form-urlencoded");
    answer(request.body(form.join("&"))).await
}

async fn sqs(moto: &Moto, operation: &str, request: &Value) -> Value {
    let target = format!("AmazonSQS.{operation}");
    let request = moto.request("sqs", Method::POST, "/").header("x-amz-target", target).body(request.to_string());
    answer(request.header("content-type", "application/x-amz-json-1.0")).await
}

/// GET of a path, as API Gateway passes it on.
fn event_of(path: &str) -> Value {
    let mut event = event();
    event["path"] = path.into();
    event["resource"] = path.into();
    event["requestContext"]["resourcePath"] = path.into();
    event
}
