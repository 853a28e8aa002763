//! The fleet of `./dev demo` and its story. It has no clock and no network: the second and the seed determine what is sent.

use fastrand::Rng;

use crate::codes::Code;

/// Devices, numbered from 0.
const DEVICES: usize = 500;

/// The usual codes with their weights.
const USUAL: [(i32, u32); 5] = [(107, 60), (12, 25), (205, 10), (-3, 4), (31, 1)];

/// The code that only the new firmware knows.
pub(super) const OF_NEW_FIRMWARE: i32 = 451;

/// The device that goes mad, and the code that it repeats.
pub(super) const MAD_DEVICE: usize = 317;
pub(super) const OF_MAD_DEVICE: i32 = 900;

/// The devices of the site that loses its network.
const SITE: std::ops::Range<usize> = 200..300;

/// Every 25th device has an empty clock battery: its clock stands at 1970 or 1980.
const CLOCKLESS: usize = 25;
const CLOCKS_WITHOUT_BATTERY: [i64; 2] = [0, 315_532_800];

/// An event of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    RolloutBegins,
    DeviceGoesMad,
    NetworkFails,
    DeviceIsRepaired,
    RolloutIsDone,
    NetworkIsBack,
}

/// The start of each event, in percent of the time.
const STORY: [(u32, Event); 6] = [
    (10, Event::RolloutBegins),
    (25, Event::DeviceGoesMad),
    (35, Event::NetworkFails),
    (45, Event::DeviceIsRepaired),
    (60, Event::RolloutIsDone),
    (70, Event::NetworkIsBack),
];

impl Event {
    /// The line that announces it.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::RolloutBegins => "firmware 1.5 is rolled out; it reports a code that was never seen: 451",
            Self::DeviceGoesMad => "pump-317 has gone mad: it reports 900 again and again",
            Self::NetworkFails => "the site of pump-200 to pump-299 has lost its network; its devices keep their codes",
            Self::DeviceIsRepaired => "pump-317 is repaired",
            Self::RolloutIsDone => "all devices have firmware 1.5",
            Self::NetworkIsBack => "the network is back; what the devices kept arrives late",
        }
    }
}

/// Generates the codes, second by second.
pub(super) struct Fleet {
    seconds: u32,
    random: Rng,
    /// The codes that the site without a network has not sent yet.
    kept: Vec<Code>,
}

/// What happens in one second.
#[derive(Debug, Default)]
pub(super) struct Second {
    pub(super) events: Vec<Event>,
    /// One batch: at most 1,000 codes. Empty if all were from the site without a network.
    pub(super) codes: Vec<Code>,
}

impl Fleet {
    /// A story of `seconds` seconds. The same seed tells the same story.
    pub(super) fn new(seconds: u32, seed: u64) -> Self {
        Self { seconds: seconds.max(1), random: Rng::with_seed(seed), kept: Vec::new() }
    }

    /// `now` is in Unix seconds.
    pub(super) fn second(&mut self, second: u32, now: i64) -> Second {
        let (percent, before) = (self.percent(second), second.checked_sub(1).map(|before| self.percent(before)));
        let begins = |at: u32| at <= percent && before.is_none_or(|before| before < at);
        let events: Vec<Event> = STORY.iter().filter(|part| begins(part.0)).map(|part| part.1).collect();
        let mut codes: Vec<Code> = (0..self.random.usize(2..8)).map(|_| self.report(percent, now)).collect();
        if (25..45).contains(&percent) {
            codes.extend((0..5).map(|_| code(MAD_DEVICE, OF_MAD_DEVICE, now)));
        }
        if (35..70).contains(&percent) {
            let (kept, sent) = codes.into_iter().partition(|code| is_of_site(&code.device_id));
            codes = sent;
            self.kept.extend::<Vec<_>>(kept);
        } else {
            let room = 1_000 - codes.len();
            codes.extend(self.kept.drain(..self.kept.len().min(room)));
        }
        Second { events, codes }
    }

    fn percent(&self, second: u32) -> u32 {
        second * 100 / self.seconds
    }

    /// A code of a random device.
    fn report(&mut self, percent: u32, now: i64) -> Code {
        let device = self.random.usize(..DEVICES);
        // Devices get the new firmware in the order of their numbers, from 10 to 60 percent of the time.
        let has_new_firmware = device as u64 * 50 < u64::from(percent.saturating_sub(10)) * DEVICES as u64;
        let err = if has_new_firmware && self.random.u8(..4) == 0 { OF_NEW_FIRMWARE } else { self.usual() };
        let is_clockless = device.is_multiple_of(CLOCKLESS);
        let clock = CLOCKS_WITHOUT_BATTERY[usize::from(device.is_multiple_of(2 * CLOCKLESS))];
        code(device, err, if is_clockless { clock } else { now })
    }

    fn usual(&mut self) -> i32 {
        let all: u32 = USUAL.iter().map(|usual| usual.1).sum();
        let mut rest = self.random.u32(..all);
        for (code, weight) in USUAL {
            if rest < weight {
                return code;
            }
            rest -= weight;
        }
        USUAL[0].0
    }
}

fn code(device: usize, err: i32, timestamp: i64) -> Code {
    Code { device_id: format!("pump-{device:03}"), err, timestamp }
}

fn is_of_site(device_id: &str) -> bool {
    device_id.strip_prefix("pump-").and_then(|number| number.parse().ok()).is_some_and(|number| SITE.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_000_000;

    fn story(seed: u64) -> Vec<Second> {
        let mut fleet = Fleet::new(600, seed);
        (0..600).map(|second| fleet.second(second, NOW + i64::from(second))).collect()
    }

    fn codes(seconds: &[Second]) -> impl Iterator<Item = &Code> {
        seconds.iter().flat_map(|second| &second.codes)
    }

    #[test]
    fn the_same_seed_tells_the_same_story_with_each_event_once() {
        let seconds = story(1);
        let events: Vec<_> = seconds.iter().flat_map(|second| second.events.clone()).collect();
        assert_eq!(events, STORY.map(|part| part.1));
        assert!(codes(&seconds).eq(codes(&story(1))));
        assert!(!codes(&seconds).eq(codes(&story(2))));
    }

    #[test]
    fn the_new_code_comes_with_the_new_firmware_and_the_mad_device_in_its_time() {
        let seconds = story(1);
        let has = |range: std::ops::Range<usize>, err| codes(&seconds[range]).any(|code| code.err == err);
        assert!(!has(0..60, OF_NEW_FIRMWARE) && has(60..600, OF_NEW_FIRMWARE));
        assert!(!has(0..150, OF_MAD_DEVICE) && has(150..270, OF_MAD_DEVICE) && !has(270..600, OF_MAD_DEVICE));
    }

    #[test]
    fn a_site_without_a_network_sends_all_its_codes_late() {
        let seconds = story(1);
        assert!(codes(&seconds[210..420]).all(|code| !is_of_site(&code.device_id)));
        let late = |code: &&Code| is_of_site(&code.device_id) && (NOW + 210..NOW + 420).contains(&code.timestamp);
        let count = seconds[420].codes.iter().filter(late).count();
        assert!(count > 100, "{count}");
    }

    #[test]
    fn a_second_is_one_batch_and_some_devices_have_no_clock() {
        let seconds = story(1);
        assert!(seconds.iter().all(|second| second.codes.len() <= 1_000));
        for clock in CLOCKS_WITHOUT_BATTERY {
            assert!(codes(&seconds).any(|code| code.timestamp == clock));
        }
    }

    #[test]
    fn a_short_demonstration_tells_what_begins_before_its_last_second() {
        assert_eq!(Fleet::new(1, 1).second(0, NOW).events, []);
        let mut fleet = Fleet::new(3, 1);
        let events: Vec<_> = (0..3).flat_map(|second| fleet.second(second, NOW).events).collect();
        assert_eq!(events.len(), 5, "the last one is at 70 percent, and the last second begins at 66");
    }
}
