//! Files in MaxMind's format (MMDB), as GeoLite2, DB-IP Lite and IPinfo Lite come: read from memory, whatever they hold of
//! operator, country, place and hosting.

use std::fmt;
use std::sync::Arc;

use maxminddb::{PathElement, Reader};
use storeward_base::ClientIp;

use super::places::{Country, Place};
use super::travel::Location;

/// Stands near the end of each file of the format.
const MARK: &[u8] = b"\xAB\xCD\xEFMaxMind.com";
/// The mark stands within this much of the end (the format's specification).
const END_BYTES: usize = 128 * 1024;
/// Where a file tells a place without how sure it is: half of Europe's countries fit in.
const UNSURE_KM: f32 = 500.0;

/// One file.
#[derive(Clone)]
pub struct Database(Arc<Reader<Vec<u8>>>);

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.0.metadata().database_type).finish()
    }
}

impl Database {
    pub fn is_one(bytes: &[u8]) -> bool {
        let end = bytes.get(bytes.len().saturating_sub(END_BYTES)..).unwrap_or(bytes);
        end.windows(MARK.len()).any(|window| window == MARK)
    }

    pub fn open(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes).map_err(|error| error.to_string())?;
        Ok(Database(Arc::new(reader)))
    }

    /// What does not fit is as if it were not there: a damaged row must not keep anybody out.
    pub fn look_up(&self, client: ClientIp) -> Place {
        let Ok(found) = self.0.lookup(client.get()) else { return Place::default() };
        let text = |path: &[&str]| {
            let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
            found.decode_path::<String>(&path).ok().flatten()
        };
        let number = |path: &[&str]| {
            let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
            found.decode_path::<u32>(&path).ok().flatten()
        };
        let degrees = |key: &str| {
            let path = [PathElement::Key("location"), PathElement::Key(key)];
            found.decode_path::<f64>(&path).ok().flatten()
        };
        let flag = |key: &str| {
            let path = [PathElement::Key(key)];
            found.decode_path::<bool>(&path).ok().flatten()
        };
        // IPinfo writes `AS64500`, the others a number.
        let named = || text(&["asn"])?.trim_start_matches("AS").parse().ok();
        let country = text(&["country", "iso_code"]).or_else(|| text(&["country_code"]));
        let marks = ["is_hosting_provider", "is_anonymous_vpn", "is_tor_exit_node", "is_hosting"];
        let hosting: Vec<bool> = marks.iter().filter_map(|key| flag(key)).collect();
        Place {
            asn: number(&["autonomous_system_number"]).or_else(named),
            country: country.as_deref().and_then(Country::parse),
            location: location(
                degrees("latitude"),
                degrees("longitude"),
                number(&["location", "accuracy_radius"]),
            ),
            hosting: (!hosting.is_empty()).then(|| hosting.contains(&true)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "degrees keep six digits as f32")]
fn location(latitude: Option<f64>, longitude: Option<f64>, radius_km: Option<u32>) -> Option<Location> {
    let radius = radius_km.and_then(|km| u16::try_from(km).ok()).map_or(UNSURE_KM, f32::from);
    Location::new(latitude? as f32, longitude? as f32, radius)
}
