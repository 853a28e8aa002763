//! The smallest function on `lambda_http`: it answers 200 and an empty JSON object. The benchmark's baseline.

use lambda_http::{Error, Request, run, service_fn};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_: Request| async { Ok::<_, Error>(json!({})) })).await
}
