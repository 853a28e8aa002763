//! What happens to a client's requests, and what it has to do about it.

use std::time::Duration;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The service gets it, and its response goes back.
    Passed,
    /// Only this status goes back, with this `Retry-After`.
    Status(u16, Option<u64>),
    /// The connection breaks before the service gets it.
    CutBefore,
    /// The service gets it, and the connection breaks before the response.
    CutAfter,
    /// The service gets it, and the connection breaks in the middle of the response.
    HalfResponse,
    /// The service gets it, and the response takes as long as [`SLOW`].
    Slow,
    /// 200 from somebody else, as the login page of a public network.
    CaptivePortal,
    /// The service gets it, and the response calls its first record rejected.
    OneRejected,
    /// The client loses its power before the service gets it.
    PowerCutBefore,
    /// The service gets it, and the client loses its power before the response.
    PowerCutAfter,
}

/// Long for a client, short for a gateway: it gives up after 29 s.
pub(crate) const SLOW: Duration = Duration::from_secs(6);

impl Fate {
    /// Whether the service gets the request.
    pub(crate) fn reaches_the_service(self) -> bool {
        !matches!(self, Self::Status(..) | Self::CutBefore | Self::CaptivePortal | Self::PowerCutBefore)
    }

    /// Whether the client learns that the batch is stored.
    pub(crate) fn acknowledges(self) -> bool {
        matches!(self, Self::Passed | Self::Slow | Self::OneRejected)
    }

    /// Whether the same bytes would be refused again.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Status(400 | 413 | 422, _))
    }
}

/// What a client needs to take part in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A storage that survives a restart.
    Storage,
    Tls,
}

/// A client is started once, and its first requests meet these fates. All later ones pass.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What a client that keeps the rules does.
    pub(crate) rule: &'static str,
    pub(crate) fates: &'static [Fate],
    pub(crate) needs: Needs,
}

impl Scenario {
    /// Whether every code must be stored in the end.
    pub(crate) fn stores_everything(&self) -> bool {
        self.needs != Needs::Tls && !self.fates.iter().any(|fate| fate.is_final())
    }
}

const fn scenario(name: &'static str, rule: &'static str, fates: &'static [Fate]) -> Scenario {
    Scenario { name, rule, fates, needs: Needs::Nothing }
}

const WAIT: &str = "wait as long as Retry-After says, then send the same bytes with the same key";
const AGAIN: &str = "the batch may be stored: send the same bytes with the same key";

const RESTART: &str = "after the restart send the same bytes with the same key";

/// All scenarios, the simple ones first.
pub(crate) const ALL: [Scenario; 16] = [
    scenario("healthy", "send each batch once, with a key of its own", &[]),
    scenario("throttled (429)", WAIT, &[Fate::Status(429, Some(2))]),
    scenario("store away (503)", WAIT, &[Fate::Status(503, Some(1)), Fate::Status(503, Some(2))]),
    scenario("key in flight (409)", WAIT, &[Fate::Status(409, Some(1))]),
    scenario(
        "gateway fails (502, 504, 500)",
        AGAIN,
        &[Fate::Status(502, Some(1)), Fate::Status(504, None), Fate::Status(500, None)],
    ),
    scenario("cut before the commit", AGAIN, &[Fate::CutBefore, Fate::CutBefore]),
    scenario("cut after the commit", AGAIN, &[Fate::CutAfter, Fate::CutAfter]),
    scenario("half a response", AGAIN, &[Fate::HalfResponse]),
    scenario("slow response", "wait up to 40 s for a response", &[Fate::Slow]),
    scenario("captive portal", "200 without the service's own JSON is no acknowledgement", &[Fate::CaptivePortal]),
    scenario("one record rejected", "forget the batch, the rejected record too", &[Fate::OneRejected]),
    scenario("refused for good (400)", "do not send the same bytes again", &[Fate::Status(400, None)]),
    Scenario {
        name: "wrong API key (403)",
        rule: "keep the batch, try rarely, and deliver it once the key is right",
        fates: &[Fate::Status(403, None); 1000],
        needs: Needs::Storage,
    },
    Scenario { needs: Needs::Storage, ..scenario("power cut before the commit", RESTART, &[Fate::PowerCutBefore]) },
    Scenario { needs: Needs::Storage, ..scenario("power cut after the commit", RESTART, &[Fate::PowerCutAfter]) },
    Scenario {
        name: "wrong certificate",
        rule: "send nothing to a server that cannot prove its name",
        fates: &[],
        needs: Needs::Tls,
    },
];
