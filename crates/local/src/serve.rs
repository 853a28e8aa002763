//! `./dev up` on the command line.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use local::binaries;
use local::moto::KEY;
use local::queue::RedrivePolicy;
use local::signals::StopSignals;
use local::state::{Endpoints, QueueEndpoint, StateFolder};
use local::up::{self, Kept, QueuedOptions, UpOptions};

use crate::{Failure, database_choice, say};

#[derive(Args)]
#[command(args_override_self = true)]
pub(crate) struct UpArguments {
    /// Port of the POST gateway; 0 takes any
    #[arg(long, default_value_t = 9001)]
    post_port: u16,
    /// Port of the GET gateway; 0 takes any
    #[arg(long, default_value_t = 9000)]
    get_port: u16,
    /// Environments per function; beyond that 502, as API Gateway answers
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// Seconds that post-log and get-logs may take
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=29))]
    timeout: u64,
    /// Seconds that get-logs answers with the list it has; 0 reads it anew each time
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(0..=60))]
    cache: u8,
    /// Usage plan: requests a second per key
    #[arg(long, default_value = "10000")]
    rate: NonZeroU32,
    /// Usage plan: requests at once per key
    #[arg(long, default_value = "5000")]
    burst: NonZeroU32,
    /// Folder of the functions' binaries; by default where this program is
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Queued mode: POST sends to a queue (202), store-logs stores. moto plays SQS: what is not stored when this stops,
    /// even by kill -9, is delivered by the next run with this database; only kill -9 of moto loses what it holds. On
    /// AWS the queue is durable
    #[arg(long)]
    queued: bool,
    /// Queued: seconds that a batch is gathered, from its first message on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=300), requires = "queued")]
    batch_window: u64,
    /// Queued: invocations of store-logs at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000), requires = "queued")]
    queue_concurrency: u16,
    /// Queued: how often a message is tried before it is a dead letter; each run begins at nought
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000), requires = "queued")]
    max_receive_count: u32,
    /// Queued: seconds until a message that failed is tried again. 181 on AWS; here somebody is watching
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=43200), requires = "queued")]
    visibility_timeout: u32,
}

/// `./dev up`.
pub(crate) async fn run(state: &Path, arguments: UpArguments) -> Result<ExitCode, Failure> {
    let functions = binaries::folder_of(&["post-log", "get-logs"], arguments.functions.as_deref())?;
    let options = UpOptions {
        state: state.to_owned(),
        functions,
        post_port: arguments.post_port,
        get_port: arguments.get_port,
        concurrency: arguments.concurrency.into(),
        timeout: Duration::from_secs(arguments.timeout),
        cache: arguments.cache,
        rate: arguments.rate,
        burst: arguments.burst,
        database: database_choice(),
        queued: arguments.queued.then_some(QueuedOptions {
            batch_window: Duration::from_secs(arguments.batch_window),
            concurrency: arguments.queue_concurrency.into(),
            redrive_policy: RedrivePolicy {
                visibility_timeout: arguments.visibility_timeout,
                max_receive_count: arguments.max_receive_count,
            },
        }),
    };
    let progress = |step: &str| say(&format!("dev: {step}"));
    let mut signals = StopSignals::new()?;
    let mut running = tokio::select! {
        started = up::start(&options, progress) => started?,
        name = signals.next() => return Err(format!("stopped by {name} before everything was up").into()),
    };
    announce(running.endpoints(), running.state(), &running.messages());
    let failure = tokio::select! {
        name = signals.next() => {
            say(&format!("dev: {name}: stopping"));
            None
        }
        error = running.keep_running(progress) => Some(error),
    };
    let messages = running.messages();
    let hurry = async {
        let name = signals.next().await;
        say(&format!("dev: {name} again: what is open is cut off"));
    };
    let stopped = running.stop(hurry, progress).await;
    if let Ok(kept) = &stopped {
        say(&format!("dev: stopped; {}", what_is_kept(*kept, state, &messages)));
    }
    // What ended the run says more than what came of it.
    failure.map_or(Ok(()), Err)?;
    stopped?;
    Ok(ExitCode::SUCCESS)
}

fn what_is_kept(kept: Kept, state: &Path, messages: &Path) -> String {
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

fn announce(endpoints: &Endpoints, state: &StateFolder, messages: &Path) {
    let Endpoints { post, get, queue, .. } = endpoints;
    let record = r#"[{"deviceID":"any_device_token","err":107,"timestamp":1514864773}]"#;
    say(&format!(
        "\npost-log  {}\n          x-api-key: {}\nget-logs  {}\n          x-api-key: {}\n\n\
         Paste these:\n\n  curl -i {} -H 'x-api-key: {}' \\\n    -d '{record}'\n\n  curl -i {} -H 'x-api-key: {}'\n\n\
         {}Logs: {}   Ctrl-C stops everything.",
        post.url,
        post.api_key,
        get.url,
        get.api_key,
        post.url,
        post.api_key,
        get.url,
        get.api_key,
        mode(queue.as_ref(), messages),
        state.logs().display(),
    ));
}

/// How it works now, where that is not the default.
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
