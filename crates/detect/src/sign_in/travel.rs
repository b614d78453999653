//! Whether a person could have come from one place to another in the time between: with error bars, and only where
//! both places are known.
//!
//! Locations of addresses are guesses. Each carries the radius within which the address is said to be; both radii are
//! taken off the distance, so that a doubtful place accuses nobody. What is stored of a place is rounded to half a
//! degree (at most 40 km off), and the rounding is added to its radius.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

/// Faster than an airliner's cruise; who appears to travel faster did not travel.
pub const FASTEST_KM_PER_HOUR: f64 = 1_000.0;

/// The mean radius of the Earth (IUGG), in kilometres.
const EARTH_KM: f64 = 6_371.0;

/// The longest way from the middle of a half-degree cell to its corner (at the equator), rounded up.
const ROUNDING_KM: f64 = 40.0;

/// A point and the radius around it within which the client is said to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    latitude: f32,
    longitude: f32,
    within_km: f32,
}

impl Location {
    /// Degrees north and east, and a radius in kilometres; nothing where one is out of range.
    pub fn new(latitude: f32, longitude: f32, within_km: f32) -> Option<Self> {
        let sound = (-90.0..=90.0).contains(&latitude)
            && (-180.0..=180.0).contains(&longitude)
            && (0.0..=25_000.0).contains(&within_km);
        sound.then_some(Location { latitude, longitude, within_km })
    }

    /// Great-circle distance in kilometres, by the haversine formula.
    pub fn distance_km(&self, other: &Location) -> f64 {
        let radians = |degrees: f32| f64::from(degrees).to_radians();
        let (lat_a, lat_b) = (radians(self.latitude), radians(other.latitude));
        let half = |angle: f64| (angle / 2.0).sin().powi(2);
        let across = radians(other.longitude) - radians(self.longitude);
        let chord = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(across);
        2.0 * EARTH_KM * chord.clamp(0.0, 1.0).sqrt().asin()
    }
}

/// Where and when somebody was last seen, rounded as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sighting {
    pub at: Timestamp,
    /// Half degrees north.
    latitude: i16,
    /// Half degrees east.
    longitude: i16,
    /// The rounding is in it.
    within_km: u16,
}

impl Sighting {
    pub fn new(at: Timestamp, location: &Location) -> Self {
        Sighting {
            at,
            latitude: half_degrees(location.latitude),
            longitude: half_degrees(location.longitude),
            within_km: whole_km(f64::from(location.within_km) + ROUNDING_KM),
        }
    }

    fn location(&self) -> Location {
        Location {
            latitude: f32::from(self.latitude) / 2.0,
            longitude: f32::from(self.longitude) / 2.0,
            within_km: f32::from(self.within_km),
        }
    }

    /// The least speed that leads from here to there, in km/h; nothing where the error bars meet.
    pub fn least_speed_to(&self, now: Timestamp, there: &Location) -> Option<f64> {
        let here = self.location();
        let bars = f64::from(here.within_km) + f64::from(there.within_km);
        let least_km = here.distance_km(there) - bars;
        // Moments come from one clock, but answers of two requests may overtake each other: a minute at least.
        let span = now.since(self.at).max(Duration::from_secs(60));
        (least_km > 0.0).then(|| least_km / (span.as_secs_f64() / 3_600.0))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are in range: at most 360 halves")]
fn half_degrees(degrees: f32) -> i16 {
    (degrees * 2.0).round() as i16
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a radius is at most 25,040 km")]
fn whole_km(km: f64) -> u16 {
    km.ceil() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(latitude: f32, longitude: f32, within_km: f32) -> Location {
        Location::new(latitude, longitude, within_km).unwrap()
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_seconds(hours * 3_600)
    }

    #[test]
    fn distances_are_those_of_an_atlas() {
        let (oslo, new_york) = (place(59.91, 10.75, 0.0), place(40.71, -74.01, 0.0));
        let km = oslo.distance_km(&new_york);
        assert!((5_850.0..5_950.0).contains(&km), "{km}");
        assert!(place(0.0, 180.0, 0.0).distance_km(&place(0.0, -180.0, 0.0)) < 0.1);
        let half_way = place(90.0, 0.0, 0.0).distance_km(&place(-90.0, 0.0, 0.0));
        assert!((20_000.0..20_030.0).contains(&half_way), "{half_way}");
    }

    #[test]
    fn error_bars_are_taken_off() {
        let seen = Sighting::new(hours(0), &place(59.91, 10.75, 50.0));
        let new_york = place(40.71, -74.01, 50.0);
        assert!(seen.least_speed_to(hours(1), &new_york).unwrap() > FASTEST_KM_PER_HOUR);
        assert!(seen.least_speed_to(hours(8), &new_york).unwrap() < FASTEST_KM_PER_HOUR);
        // "Somewhere in America" accuses nobody.
        let vague = place(40.71, -74.01, 6_000.0);
        assert_eq!(seen.least_speed_to(hours(1), &vague), None);
        // Across town in no time at all.
        assert_eq!(seen.least_speed_to(hours(0), &place(59.95, 10.9, 5.0)), None);
        // An older moment than the last one seen.
        assert!(seen.least_speed_to(hours(-5), &new_york).unwrap() > FASTEST_KM_PER_HOUR);
    }

    #[test]
    fn what_is_stored_is_off_by_no_more_than_its_radius_says() {
        for step in 0..360 {
            let there = place(step as f32 * 0.37 - 66.0, step as f32 - 179.77, 0.0);
            let stored = Sighting::new(hours(0), &there).location();
            assert!(stored.distance_km(&there) <= f64::from(stored.within_km), "{there:?}");
        }
    }
}
