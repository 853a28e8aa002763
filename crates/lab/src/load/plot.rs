//! The plots of `docs/scaling.md`, as SVG.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::error::LabError;
use crate::figures::number;
use crate::load::mode::Mode;
use crate::load::report::Report;
use crate::load::step::Step;

const SIZE: (u32, u32) = (800, 440);
const FONT: (&str, u32) = ("sans-serif", 18);
const TITLE: (&str, u32) = ("sans-serif", 22);

const BLUE: RGBColor = RGBColor(31, 119, 180);
const ORANGE: RGBColor = RGBColor(214, 98, 0);
const GREY: RGBColor = RGBColor(120, 120, 120);

type Outcome = Result<(), Box<dyn Error>>;

/// One plotted line.
struct Line {
    title: &'static str,
    unit: &'static str,
    /// Of the labels on the y axis.
    decimals: usize,
    color: RGBColor,
}

/// Codes per second by the size of a batch. Both axes are logarithmic.
pub(crate) fn throughput(report: &Report, file: &Path) -> Result<(), LabError> {
    drawn(file, draw_throughput(report, file))
}

/// The backlog, and the age of its oldest batch, over time.
pub(crate) fn burst(report: &Report, file: &Path) -> Result<(), LabError> {
    drawn(file, draw_burst(report, file))
}

fn drawn(file: &Path, outcome: Outcome) -> Result<(), LabError> {
    outcome.map_err(|error| format!("{} cannot be drawn: {error}", file.display()).into())
}

fn draw_throughput(report: &Report, file: &Path) -> Outcome {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let rates = report.steps.iter().flat_map(|step| [step.accepted_per_second, step.stored_per_second]);
    let (least, most) = rates.fold((f64::MAX, 1.0_f64), |(least, most), rate| (least.min(rate), most.max(rate)));
    let mut chart = ChartBuilder::on(&root)
        .caption("Codes a second over the size of a batch", TITLE)
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(80)
        .build_cartesian_2d((0.9..1_200.0).log_scale(), (least.max(1.0) / 1.5..most * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("codes in a batch")
        .y_desc("codes a second")
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .label_style(FONT)
        .light_line_style(WHITE)
        .draw()?;
    for (mode, color) in Mode::ALL.into_iter().zip([BLUE, ORANGE]) {
        let points = |rate: fn(&Step) -> f64| {
            let steps = report.steps.iter().filter(move |step| step.mode == mode);
            steps.map(move |step| (number(step.codes_per_batch), rate(step)))
        };
        let accepted = color.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points(|step| step.accepted_per_second), accepted))?
            .label(format!("{}, accepted", mode.name()))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], accepted));
        // In direct mode, accepted codes are stored.
        if mode == Mode::Queued {
            chart
                .draw_series(DashedLineSeries::new(points(|step| step.stored_per_second), 6, 4, accepted))?
                .label(format!("{}, stored", mode.name()))
                .legend(move |(x, y)| DashedPathElement::new([(x, y), (x + 24, y)], 6, 4, accepted));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(GREY)
        .label_font(FONT)
        .draw()?;
    root.present()?;
    Ok(())
}

fn draw_burst(report: &Report, file: &Path) -> Outcome {
    let burst = &report.burst;
    let root = SVGBackend::new(file, (SIZE.0, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(280);
    let backlogs = burst.samples.iter().map(|sample| (sample.second, number(sample.backlog)));
    let lags = burst.samples.iter().map(|sample| (sample.second, sample.lag_seconds));
    let end = burst.seconds_until_stored;
    let backlog =
        Line { title: "Messages in the queue, waiting or being stored", unit: "messages", decimals: 0, color: BLUE };
    let lag = Line { title: "Age of the oldest batch that is not stored", unit: "seconds", decimals: 1, color: ORANGE };
    draw_line(&above, &backlog, end, backlogs)?;
    draw_line(&below, &lag, end, lags)?;
    root.present()?;
    Ok(())
}

fn draw_line(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    line: &Line,
    end: f64,
    points: impl Iterator<Item = (f64, f64)> + Clone,
) -> Outcome {
    let most = points.clone().map(|(_, value)| value).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(line.title, TITLE)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end.max(0.1), 0.0..most * 1.1)?;
    chart
        .configure_mesh()
        .x_desc("seconds since the first batch")
        .y_desc(line.unit)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.*}", line.decimals))
        .y_labels(6)
        .label_style(FONT)
        .light_line_style(WHITE)
        .draw()?;
    chart.draw_series(LineSeries::new(points, line.color.stroke_width(2)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::report;

    #[test]
    fn both_plots_are_svg_with_their_titles() {
        let folder = local::temporary_folder::TemporaryFolder::new("plots").unwrap();
        let (one, other) = (folder.path().join("throughput.svg"), folder.path().join("burst.svg"));
        throughput(&report(), &one).unwrap();
        burst(&report(), &other).unwrap();
        for (file, title) in [(one, "queued, stored"), (other, "Age of the oldest batch")] {
            let svg = std::fs::read_to_string(file).unwrap();
            assert!(svg.starts_with("<svg") && svg.contains(title), "{svg}");
        }
    }
}
