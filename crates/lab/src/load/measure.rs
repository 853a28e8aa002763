//! All measurements, one after the other.

use crate::error::LabError;
use crate::load::plan::{BATCHES, PROGRESS, Plan};
use crate::load::report::Report;
use crate::load::service::Mode;
use crate::load::testbed::Testbed;
use crate::load::{burst, consumer, step};

pub(crate) async fn everything(testbed: &mut Testbed, plan: &Plan) -> Result<Report, LabError> {
    let mut steps = Vec::new();
    for mode in Mode::ALL {
        for (codes, batches) in BATCHES.into_iter().zip(plan.batches) {
            PROGRESS.say(&format!("{} mode, batches of {codes}", mode.name()));
            steps.push(step::measure(testbed, plan, mode, codes, batches).await?);
        }
    }
    let codes = plan.burst.batches * plan.burst.codes_per_batch;
    PROGRESS.say(&format!("a burst of {codes} codes in queued mode"));
    let burst = burst::measure(testbed, plan.burst).await?;
    PROGRESS.say("store-logs against the bare statement");
    let comparisons = consumer::measure(testbed, plan.consumer).await?;
    Ok(Report::new(testbed.database.clone(), plan, steps, burst, comparisons))
}
