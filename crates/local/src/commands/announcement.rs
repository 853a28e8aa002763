//! The messages of `./dev up` when it is up, and when it stops.

use std::path::Path;

use local::moto::KEY;
use local::state::{Endpoints, QueueEndpoint, StateFolder};
use local::up::Kept;

use crate::print;

/// Says what is kept for the next run.
pub(super) fn what_is_kept(kept: Kept, state: &Path, messages: &Path) -> String {
    let data = format!("the data is kept in {}, ./dev reset forgets it", state.display());
    match kept {
        Kept { messages: 0, dead_letters: 0 } => data,
        Kept { messages: count, dead_letters } => format!(
            "{data}; not stored yet: {count} messages and {dead_letters} dead letters, kept in {} for the next ./dev up \
             --queued with this database",
            messages.display()
        ),
    }
}

/// Says how to use the running service.
pub(super) fn announce(endpoints: &Endpoints, state: &StateFolder, messages: &Path) {
    let Endpoints { post, get, queue, .. } = endpoints;
    let record = r#"[{"deviceID":"any_device_token","err":107,"timestamp":1514864773}]"#;
    print(&format!(
        "\npost-log  {}\n          x-api-key: {}\nget-logs  {}\n          x-api-key: {}\npage      {}\n\n\
         Paste these:\n\n  curl -i {} -H 'x-api-key: {}' \\\n    -d '{record}'\n\n  curl -i {} -H 'x-api-key: {}'\n\n\
         {}Something to see on the page: ./dev demo, in another terminal.\n\
         Logs: {}   Ctrl-C stops everything.",
        post.url,
        post.api_key,
        get.url,
        get.api_key,
        get.page(),
        post.url,
        post.api_key,
        get.url,
        get.api_key,
        mode(queue.as_ref(), messages),
        state.logs().display(),
    ));
}

/// Explains queued mode, or messages that an earlier run left.
fn mode(queue: Option<&QueueEndpoint>, messages: &Path) -> String {
    match queue {
        Some(QueueEndpoint { url, dead_letter_url, region, .. }) => format!(
            "Queued mode: POST answers 202, store-logs stores. How many messages wait:\n\n  \
             curl -s {url} --aws-sigv4 aws:amz:{region}:sqs --user {KEY}:{KEY} \\\n    \
             -H 'content-type: application/x-amz-json-1.0' -H 'x-amz-target: AmazonSQS.GetQueueAttributes' \\\n    \
             -d '{{\"QueueUrl\":\"{url}\",\"AttributeNames\":[\"All\"]}}'\n\n\
             Dead letters: {dead_letter_url}   ./dev redrive brings them back.\n",
        ),
        None if messages.exists() => format!(
            "An earlier run in queued mode left messages in {}; ./dev up --queued stores them.\n",
            messages.display()
        ),
        None => String::new(),
    }
}
