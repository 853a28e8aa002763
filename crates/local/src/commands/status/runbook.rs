//! The sections of docs/runbook.md.

/// The one that fits this program.
const RUNBOOK: &str = include_str!("../../../../../docs/runbook.md");

pub(super) struct Section {
    pub(super) title: String,
    /// What to do, as the runbook has it: from the line that begins with "Do" to the end.
    pub(super) advice: String,
}

impl Section {
    /// The section that a link like `docs/runbook.md#gateway-5xx` leads to.
    pub(super) fn find(anchor: &str) -> Option<Self> {
        let (title, text) = sections().find(|(title, _)| leads_to(anchor, title))?;
        let begin = text.find("\nDo").map_or(0, |at| at + 1);
        Some(Self { title: title.to_owned(), advice: text[begin..].trim().to_owned() })
    }
}

/// Where a section stands in the runbook. What it does not have comes last.
pub(super) fn place(anchor: &str) -> usize {
    sections().position(|(title, _)| leads_to(anchor, title)).unwrap_or(usize::MAX)
}

/// Title and text of each.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    RUNBOOK.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'))
}

fn leads_to(anchor: &str, title: &str) -> bool {
    title.to_lowercase().replace(' ', "-") == anchor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_of_an_alarm_says_what_to_do() {
        let alarms = ["throttles", "function-errors", "summary-lag", "slow-function", "queue-age", "queue-lag"];
        let more = ["failed-messages", "dead-letters", "gateway-5xx", "database-connections", "database-cpu"];
        let rest = ["database-storage", "table-throttles", "table-errors", "table-latency"];
        for anchor in alarms.into_iter().chain(more).chain(rest) {
            let section = Section::find(anchor).unwrap_or_else(|| panic!("there is no {anchor}"));
            assert!(section.advice.starts_with("Do"), "{anchor}: {}", section.advice);
            assert!(!section.advice.contains("\n## "), "{anchor} ends where the next one begins");
        }
        assert!(Section::find("nothing").is_none());
        assert!(place("throttles") < place("gateway-5xx") && place("gateway-5xx") < place("nothing"));
    }
}
