//! How numbers look to people.

/// `12,345`, of the digits of a whole number, of which there is one at least.
#[must_use]
pub fn grouped(digits: &str) -> String {
    let (head, tail) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    groups.fold(head.to_owned(), |text, group| text + "," + &group)
}
