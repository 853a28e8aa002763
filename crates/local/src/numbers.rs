//! Number formats.

/// `12,345`, from the digits of a whole number.
pub fn grouped(digits: &str) -> String {
    let (head, tail) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    groups.fold(head.to_owned(), |text, group| text + "," + &group)
}
