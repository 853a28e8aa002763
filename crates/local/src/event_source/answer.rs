//! Reads which messages of a batch failed from the function's response:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::collections::HashSet;

use serde::Deserialize;

/// `ReportBatchItemFailures`. An empty response, `null`, a missing list and an empty list all mean success.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    batch_item_failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// The ids of the messages that failed. An error if the response is malformed or names an id that is not in the batch:
/// then the whole batch fails.
pub(super) fn failures(answer: &[u8], batch: &HashSet<&str>) -> Result<HashSet<String>, String> {
    if answer.trim_ascii().is_empty() {
        return Ok(HashSet::new());
    }
    let answer: Option<Answer> =
        serde_json::from_slice(answer).map_err(|error| format!("malformed function response: {error}"))?;
    let failures = answer.unwrap_or_default().batch_item_failures.unwrap_or_default();
    let failures: HashSet<String> = failures.into_iter().map(|failure| failure.item_identifier).collect();
    match failures.iter().find(|id| !batch.contains(id.as_str())) {
        Some(unknown) => Err(format!("the function response names a message that is not in the batch: {unknown:?}")),
        None => Ok(failures),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(answer: &str) -> Result<Vec<String>, String> {
        let failures = failures(answer.as_bytes(), &HashSet::from(["a", "b"]))?;
        let mut failures: Vec<_> = failures.into_iter().collect();
        failures.sort();
        Ok(failures)
    }

    #[test]
    fn a_message_that_is_not_listed_has_succeeded() {
        for all in ["", " \n", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(failed(all), Ok(vec![]), "{all}");
        }
        assert_eq!(failed(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#), Ok(vec!["b".to_owned()]));
    }

    #[test]
    fn a_malformed_response_fails_the_whole_batch() {
        for none in [
            "ok",
            "\"ok\"",
            "5",
            r#"{"batchItemFailures":"#,
            r#"{"batchItemFailures":[{"id":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}"#,
        ] {
            assert!(failed(none).is_err(), "{none}");
        }
    }
}
