//! `./dev demo`: a fleet of devices with a story, so that the page of a running `./dev up` has something to show.

mod fleet;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use local::progress::Progress;
use local::signals::StopSignals;
use local::state::Endpoints;
use logs_core::clock::unix_seconds;
use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use crate::client::{Api, Meaning, Sent};
use crate::codes::{Code, body};
use crate::error::LabError;
use fleet::Fleet;

/// Tries per batch before the demonstration gives up.
const MAX_TRIES: u32 = 10;

/// Seconds between two reports of the count.
const REPORT_EVERY: u32 = 30;

#[derive(Args)]
pub(crate) struct Options {
    /// How long the story takes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// Tell it in this many seconds instead
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86400))]
    seconds: Option<u32>,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the running ./dev up
    #[arg(long, default_value = ".local")]
    state: PathBuf,
}

/// Sends a batch each second, until the story is over or a signal comes.
pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    if let Ok(told) = StopSignals::new()?.interrupt(tell(&options, progress)).await {
        return told;
    }
    progress.say("stopped; what was sent stays");
    Ok(true)
}

async fn tell(options: &Options, progress: Progress) -> Result<bool, LabError> {
    let endpoints = Endpoints::of_running(&options.state)?;
    let api = Api::new(endpoints.post.url.clone(), &endpoints.post.api_key)?;
    let queued = endpoints.queue.is_some();
    let seconds = options.seconds.unwrap_or(options.minutes * 60);
    progress.say(&format!("500 devices report for {seconds} s; watch {}", endpoints.get.page()));
    let mut fleet = Fleet::new(seconds, options.seed);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = 0;
    for second in 0..seconds {
        ticks.tick().await;
        let fleet::Second { events, codes } = fleet.second(second, unix_seconds());
        for event in events {
            progress.say(event.line());
        }
        if !codes.is_empty() {
            send(&api, &codes, queued).await?;
        }
        sent += codes.len();
        if (second + 1).is_multiple_of(REPORT_EVERY) && second + 1 < seconds {
            progress.say(&format!("{sent} codes sent in {} s", second + 1));
        }
    }
    progress.say(&format!("the story is over: {sent} codes sent in {seconds} s"));
    Ok(true)
}

/// Sends a batch as a device does: under a key, until it is stored.
async fn send(api: &Api, codes: &[Code], queued: bool) -> Result<(), LabError> {
    let sent = Sent { codes: codes.len(), has_key: true, under_used_key: false, queued };
    let (key, body) = (Uuid::new_v4().to_string(), body(codes));
    let mut problem = String::new();
    for _ in 0..MAX_TRIES {
        let wait = match api.post(Some(&key), &body).await.map(|answer| answer.meaning(sent)) {
            Ok(Ok(Meaning::Stored { .. } | Meaning::Refused)) => return Ok(()),
            Ok(Ok(Meaning::SendAgain(wait))) => {
                "the service asks to wait".clone_into(&mut problem);
                wait
            }
            Ok(Err(answer)) => return Err(format!("a batch was not stored: {answer}").into()),
            Err(error) => {
                problem = error.to_string();
                None
            }
        };
        sleep(wait.unwrap_or(Duration::from_secs(1))).await;
    }
    Err(format!("a batch was not stored: {problem}").into())
}
