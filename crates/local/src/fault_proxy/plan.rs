//! The faults to inject.

use super::Call;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400 with this error code; the server never sees the request.
    Refuse(&'static str),
    /// 500; the server never sees the request.
    InternalError,
    /// The server carries the request out, and the answer is 500.
    InternalErrorAfter,
    /// The connection is closed; the server never sees the request.
    CutBefore,
    /// The server carries the request out, and the connection is closed.
    CutAfter,
    /// The server carries the request out, and no answer comes.
    SilenceAfter,
    /// The server carries the request out, and the answer is nonsense.
    NonsenseAfter,
}

#[derive(Default)]
pub(super) struct Plan {
    /// A text in the request, the fault, and how many more times.
    pub(super) faults: Vec<(&'static str, Fault, usize)>,
    /// The percentage of requests that fail, and their faults in turn.
    pub(super) share: Option<(usize, Vec<Fault>)>,
    requests: usize,
    pub(super) calls: Option<Vec<Call>>,
    /// How many requests failed because of a fault.
    pub(super) failures: u64,
}

impl Plan {
    pub(super) fn next_fault(&mut self, target: &str, body: &[u8]) -> Option<Fault> {
        let fault = self.planned(target, body).or_else(|| self.of_share())?;
        self.failures += 1;
        Some(fault)
    }

    fn planned(&mut self, target: &str, body: &[u8]) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let request = [target.as_bytes(), body].concat();
        let has = |text: &str| request.windows(text.len()).any(|window| window == text.as_bytes());
        let place = self.faults.iter().position(|(text, ..)| has(text))?;
        let (_, fault, times) = &mut self.faults[place];
        let fault = *fault;
        *times -= 1;
        if *times == 0 {
            self.faults.remove(place);
        }
        Some(fault)
    }

    /// 37 and 100 have no common divisor, so among any 100 requests in a row exactly the share fails, evenly spread.
    fn of_share(&mut self) -> Option<Fault> {
        let (percent, faults) = self.share.as_ref()?;
        self.requests += 1;
        (self.requests * 37 % 100 < *percent).then(|| faults[self.requests % faults.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_hundred_requests_in_a_row_the_share_fails() {
        let faults = [Fault::InternalError, Fault::CutAfter];
        let mut plan = Plan { share: Some((40, faults.to_vec())), ..Plan::default() };
        let failed: Vec<_> = (0..100).filter_map(|_| plan.of_share()).collect();
        assert_eq!(failed.len(), 40);
        assert!(faults.iter().all(|fault| failed.contains(fault)), "{failed:?}");
    }
}
