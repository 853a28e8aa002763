//! The text that tells people about new codes.

use logs_core::mysql::NewCode;
use time::OffsetDateTime;

/// Codes that the subject names: SNS allows 100 characters.
const CODES_IN_SUBJECT: usize = 5;

/// A message to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// Up to 100 printable ASCII characters.
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Announcement {
    /// All codes in one message. `page` is the address of the dashboard.
    pub(crate) fn of(codes: &[NewCode], page: Option<&str>) -> Self {
        let named: Vec<_> = codes.iter().take(CODES_IN_SUBJECT).map(|code| code.error_code.to_string()).collect();
        let more = match codes.len().saturating_sub(CODES_IN_SUBJECT) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = if codes.len() == 1 { "New error code" } else { "New error codes" };
        let lines: Vec<_> = codes.iter().map(|code| line(code, page)).collect();
        Self { subject: format!("{what}: {}{more}", named.join(", ")), text: lines.join("\n\n") }
    }
}

fn line(code: &NewCode, page: Option<&str>) -> String {
    let NewCode { error_code, device_id, received_at, logs } = code;
    // Quoted: a device's name may be any text, even one that looks like another line of this message.
    let text = format!("{error_code}: {logs} so far; first from device {device_id:?} at {}", time_of(*received_at));
    match page {
        Some(page) => format!("{text}\n{page}?code={error_code}"),
        None => text,
    }
}

/// `2026-11-27 17:25:03 UTC`
fn time_of(seconds: i64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(seconds) else { return format!("{seconds} (Unix seconds)") };
    let (date, hour, minute, second) = (time.date(), time.hour(), time.minute(), time.second());
    format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error_code: i32) -> NewCode {
        NewCode { error_code, device_id: "device-7".to_owned(), received_at: 1_764_000_000, logs: 3 }
    }

    #[test]
    fn one_code_is_announced_with_its_first_device_and_a_link() {
        let announcement = Announcement::of(&[code(107)], Some("https://example.org/prod/"));
        assert_eq!(announcement.subject, "New error code: 107");
        let expected = "107: 3 so far; first from device \"device-7\" at 2025-11-24 16:00:00 UTC\n\
             https://example.org/prod/?code=107";
        assert_eq!(announcement.text, expected);
    }

    #[test]
    fn many_codes_fit_one_message() {
        let codes: Vec<_> = (0..50).map(|number| code(i32::MIN + number)).collect();
        let Announcement { subject, text } = Announcement::of(&codes, None);
        assert!(subject.ends_with(" and 45 more"), "{subject}");
        assert!(subject.len() <= 100, "{subject}");
        assert_eq!(text.lines().filter(|line| !line.is_empty()).count(), 50);
    }

    #[test]
    fn a_device_name_cannot_add_lines() {
        let device_id = "a\"\n\n108: 9 so far; http://evil.example".to_owned();
        let announcement = Announcement::of(&[NewCode { device_id, ..code(1) }], None);
        assert_eq!(announcement.text.lines().count(), 1);
    }

    #[test]
    fn a_time_beyond_the_calendar_is_written_as_a_number() {
        assert_eq!(time_of(i64::MAX), "9223372036854775807 (Unix seconds)");
    }
}
