//! `./dev costs`: the bill of a stage, from its packaged template.
//!
//! [`idle`] has the costs of an idle stage, [`running`] those of codes, and [`prices`] the list prices.
//! `docs/costs` computes the price of a million codes from the same file; a test compares the two.

mod bill;
mod idle;
mod prices;
mod running;
mod template;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::deployment::{TEMPLATE, check_stage};
use crate::{Failure, print};
use bill::total;
use prices::Prices;
use running::Load;
use template::Template;

#[derive(Args)]
pub(crate) struct CostsArguments {
    /// The stage: dev or prod; package it first
    #[arg(long, default_value = "dev")]
    stage: String,
    /// Codes that devices send per second, evenly day and night
    #[arg(long, value_name = "N")]
    codes_per_second: Option<f64>,
    /// Codes in a POST, each POST with a key
    #[arg(long, value_name = "M", default_value = "100", requires = "codes_per_second")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    batch: u32,
    /// The region whose prices to use; by default the one in the package
    #[arg(long)]
    region: Option<String>,
    /// The package, if it is not in target/package/STAGE
    #[arg(long, value_name = "FOLDER")]
    package: Option<PathBuf>,
}

/// Prints the monthly bill, item by item.
pub(crate) fn run(arguments: &CostsArguments) -> Result<ExitCode, Failure> {
    let folder = arguments.package.clone().unwrap_or_else(|| Path::new("target/package").join(&arguments.stage));
    check_stage(&folder, &arguments.stage)?;
    let template = Template::read(&folder.join(TEMPLATE))?;
    let region = match &arguments.region {
        Some(region) => region.clone(),
        None => template::region(&folder)?,
    };
    let prices = Prices::of(&region)?;

    let mut lines = vec![format!(
        "US dollars a month for the stage {}. List prices of {region}, {}, no free tier, no tax.",
        arguments.stage, prices.date
    )];
    let idle = idle::items(&template, &prices)?;
    lines.push("\nWhile nobody sends:".to_owned());
    lines.extend(bill::table(&idle));
    if let Some(codes_per_second) = arguments.codes_per_second {
        let load = Load::of(codes_per_second, arguments.batch, &prices)?;
        let running = running::items(&template, &prices, &load)?;
        lines.push(format!("\nBesides, {}:", load.sentence()));
        lines.extend(bill::table(&running));
        lines.push(format!("\nA month: {:.2}", total(&idle) + total(&running)));
    }
    lines.push("\nNot in it: what dashboards read, old logs that are kept, traffic to the internet.".to_owned());
    print(&lines.join("\n"));
    Ok(ExitCode::SUCCESS)
}
