//! How many different devices: a `HyperLogLog` sketch, which counts without keeping the devices.

use std::fmt;

use datasketches::hash::value::raw_bytes;
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};

/// 2^14 registers: a standard error of 0.8 %, so that hardly any number is off by 3 %. Up to 8 kB; while there are few
/// devices, 4 bytes each.
const LG_REGISTERS: u8 = 14;

/// Half a byte for each register.
const KIND: HllType = HllType::Hll4;

/// The hash of a device's ID, as the sketch takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceHash(Coupon);

impl DeviceHash {
    pub(crate) fn of(device_id: &str) -> Self {
        Self(Coupon::from_value(raw_bytes::from_str(device_id)))
    }
}

/// A set of devices that knows only its approximate size.
#[derive(Clone)]
pub(crate) struct Devices(HllSketch);

impl fmt::Debug for Devices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Devices").field(&self.count()).finish()
    }
}

/// The bytes are not a sketch.
#[derive(Debug, thiserror::Error)]
#[error("the sketch of devices cannot be read: {0}")]
pub(crate) struct InvalidSketch(#[from] datasketches::error::Error);

impl Devices {
    /// Reads what [`Self::to_bytes`] wrote. No bytes are an empty set.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, InvalidSketch> {
        Ok(Self(if bytes.is_empty() { HllSketch::new(LG_REGISTERS, KIND)? } else { HllSketch::deserialize(bytes)? }))
    }

    pub(crate) fn add(&mut self, device: DeviceHash) {
        self.0.update_with_coupon(device.0);
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.serialize()
    }

    /// All devices that are in at least one of the sets.
    pub(crate) fn union<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Result<Self, InvalidSketch> {
        let mut union = HllUnion::new(LG_REGISTERS)?;
        for set in sets {
            union.update(&set.0);
        }
        Ok(Self(union.to_sketch(HllType::Hll8)))
    }

    /// The number of devices, to within 3 % almost always. Exact while there are few.
    pub(crate) fn count(&self) -> u64 {
        let estimate = self.0.estimate().round();
        // `as` saturates, and an estimate is positive and far below 2^53.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
        let count = estimate as u64;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(numbers: impl IntoIterator<Item = u32>) -> Devices {
        let mut devices = Devices::parse(&[]).unwrap();
        for number in numbers {
            devices.add(DeviceHash::of(&format!("device-{number:05}")));
        }
        devices
    }

    #[test]
    fn a_device_counts_once_however_often_it_reports() {
        assert_eq!(devices([]).count(), 0);
        assert_eq!(devices([7, 7, 7]).count(), 1);
        assert_eq!(devices((0..100).chain(0..100)).count(), 100);
    }

    #[test]
    fn the_count_of_many_devices_is_within_three_percent() {
        for number in [1_000, 10_000, 100_000] {
            let count = devices(0..number).count();
            assert!(count.abs_diff(number.into()) * 100 <= u64::from(number) * 3, "{count} of {number}");
        }
    }

    #[test]
    fn a_sketch_is_read_back_and_goes_on() {
        for number in [0, 1, 50, 30_000] {
            let mut read_back = Devices::parse(&devices(0..number).to_bytes()).unwrap();
            assert_eq!(read_back.count(), devices(0..number).count());
            read_back.add(DeviceHash::of("another"));
            assert!(read_back.count() > 0);
        }
    }

    #[test]
    fn a_union_counts_devices_of_several_hours_once() {
        let union = Devices::union(&[devices(0..20_000), devices(10_000..30_000), devices([])]).unwrap();
        assert!(union.count().abs_diff(30_000) <= 900, "{}", union.count());
        let few = Devices::union(&[devices([1, 2]), devices([2, 3])]).unwrap();
        assert_eq!(few.count(), 3);
    }

    #[test]
    fn a_sketch_of_many_devices_fits_its_column() {
        let length = devices(0..100_000).to_bytes().len();
        assert!(length < 10_000, "{length}");
        assert!(devices([1]).to_bytes().len() < 20);
    }

    #[test]
    fn bytes_that_are_not_a_sketch_are_refused() {
        for bytes in [&b"x"[..], &[0; 40], &devices(0..100).to_bytes()[..50]] {
            assert!(Devices::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
