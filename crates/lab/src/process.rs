//! What the kernel says about a function's process.

use local::lambda::Environment;

use crate::error::LabError;

/// The most memory that the process had until now, in megabytes.
pub(crate) fn peak_memory(function: &'static str, environment: &Environment) -> Result<f64, LabError> {
    let status = environment.process_id().map(|id| std::fs::read_to_string(format!("/proc/{id}/status")));
    let status = status.transpose()?.unwrap_or_default();
    peak(&status).ok_or(LabError::NoPeak(function))
}

/// Megabytes, of 1,000,000 bytes; the kernel's kB are 1024 bytes.
fn peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_of_a_process() {
        let status = "Name:\tpost-log\nVmPeak:\t   90000 kB\nVmHWM:\t    6250 kB\nVmRSS:\t    5000 kB\n";
        assert!((peak(status).unwrap() - 6.4).abs() < 1e-9);
        assert!(peak("Name:\tpost-log\n").is_none());
    }
}
