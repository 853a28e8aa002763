//! The `ETag` of a response, and whether a client has that response already (RFC 9110 §8.8.3, §13.1.2).

use sha2::{Digest, Sha256};

/// Bytes of the hash in the tag: enough that two lists never share a tag.
const LENGTH: usize = 16;

/// `"…"`, the beginning of the body's hash: every environment gives the same body the same tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// The tag of a whole body.
    pub(crate) fn of(body: &str) -> Self {
        Self(format!("\"{}\"", hex::encode(&Sha256::digest(body)[..LENGTH])))
    }

    /// The header's value, with the quotation marks.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the lines of an `If-None-Match` name this tag, weak or strong, or are `*` (any response). Parsing stops
    /// at a malformed tag; the client then gets a full 200.
    pub(crate) fn is_named_in(&self, lines: &[String]) -> bool {
        let any = matches!(lines, [only] if trimmed(only) == "*");
        any || lines.iter().any(|line| Tags(line).any(|tag| tag == self.0))
    }
}

/// The tags of a line, with their quotation marks and without the `W/` of weak ones.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        // A list may have empty elements (RFC 9110 §5.6.1).
        let rest = self.0.trim_start_matches([' ', '\t', ',']);
        let opaque = rest.strip_prefix("W/").unwrap_or(rest);
        // A tag may contain a comma, but no quotation mark.
        let end = opaque.strip_prefix('"')?.find('"')? + 2;
        let (tag, after) = opaque.split_at_checked(end)?;
        let after = trimmed(after);
        self.0 = after;
        (after.is_empty() || after.starts_with(',')).then_some(tag)
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"e3b0c44298fc1c149afbf4c8996fb924\"";

    fn is_named_in(lines: &[&str]) -> bool {
        let lines: Vec<String> = lines.iter().map(|line| line.replace("TAG", TAG)).collect();
        EntityTag::of("").is_named_in(&lines)
    }

    #[test]
    fn a_tag_is_the_beginning_of_the_hash_in_quotation_marks() {
        assert_eq!(EntityTag::of("").as_str(), TAG);
        assert_ne!(EntityTag::of("a"), EntityTag::of("b"));
    }

    #[test]
    fn a_tag_is_found_anywhere_in_the_list_and_weak_tags_match() {
        for line in
            ["TAG", " TAG\t", "W/TAG", "\"a\", TAG", "\"a\",W/TAG,\"b\"", ", ,TAG,", "\"\",TAG", "\"a,b\" , TAG"]
        {
            assert!(is_named_in(&[line]), "{line}");
        }
        assert!(is_named_in(&["\"a\"", "TAG"]), "on a line of its own");
    }

    #[test]
    fn a_star_alone_matches_any_response() {
        assert!(is_named_in(&["*"]) && is_named_in(&[" * "]));
        for lines in [&["*, \"a\""][..], &["*", "\"a\""], &["\"*\""], &["**"]] {
            assert!(!is_named_in(lines), "{lines:?}");
        }
    }

    #[test]
    fn a_malformed_list_matches_no_tag() {
        let bare = TAG.trim_matches('"');
        let unquoted = [bare.to_owned(), format!("\"{bare}"), format!("{bare}\""), format!("'{bare}'")];
        for line in unquoted.iter().map(String::as_str).chain([
            "",
            ",",
            "\"",
            "\"\"",
            "W/",
            "w/TAG",
            "W/ TAG",
            "W/W/TAG",
            "\"TAG",
            "\"a\" TAG",
            "TAGTAG",
            "TAG;q=1",
            "a, TAG",
            "\"ü\0\u{2028}",
            "🦀TAG",
        ]) {
            assert!(!is_named_in(&[line]), "{line:?}");
        }
        assert!(!is_named_in(&[]));
        assert!(is_named_in(&["nonsense", "TAG"]), "a line that is wrong does not spoil the next");
    }
}
