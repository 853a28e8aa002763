//! The smallest function on `lambda_http`: 200 and an empty JSON object, whatever comes. What it takes, nobody
//! can save; the benchmark compares everything else with it.

use lambda_http::{Error, Request, run, service_fn};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_: Request| async { Ok::<_, Error>(json!({})) })).await
}
