//! All measurements, one after the other.

use crate::error::LoadError;
use crate::plan::{BATCHES, Plan};
use crate::report::Report;
use crate::service::Mode;
use crate::stage::Stage;
use crate::{PROGRESS, burst, consumer, step};

pub(crate) async fn everything(stage: &mut Stage, plan: &Plan) -> Result<Report, LoadError> {
    let mut steps = Vec::new();
    for mode in Mode::ALL {
        for (codes, batches) in BATCHES.into_iter().zip(plan.batches) {
            PROGRESS.say(&format!("{} mode, batches of {codes}", mode.name()));
            steps.push(step::measure(stage, plan, mode, codes, batches).await?);
        }
    }
    let codes = plan.burst.batches * plan.burst.codes_per_batch;
    PROGRESS.say(&format!("a burst of {codes} codes in queued mode"));
    let burst = burst::measure(stage, plan.burst).await?;
    PROGRESS.say("store-logs against the bare statement");
    let comparisons = consumer::measure(stage, plan.consumer).await?;
    Ok(Report::new(stage.database.clone(), plan, steps, burst, comparisons))
}
