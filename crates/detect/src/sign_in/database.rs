//! Files in MaxMind's format (MMDB), as GeoLite2, DB-IP Lite and IPinfo Lite come: read from memory, whatever they hold of
//! operator, country, place and hosting.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use maxminddb::{PathElement, Reader};
use storeward_base::ClientIp;

use super::places::{Called, Country, NEARBY_KM, Place};
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

    /// What the file calls the place, in the languages it has. GeoLite2 and DB-IP have names by language, IPinfo has one.
    pub fn called(&self, client: ClientIp) -> Called {
        let Ok(found) = self.0.lookup(client.get()) else { return Called::default() };
        let text = |path: &[&str]| {
            let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
            found
                .decode_path::<String>(&path)
                .ok()
                .flatten()
                .map(|name| clean(&name))
                .filter(|name| !name.is_empty())
        };
        let names = |key: &str| {
            let by_language =
                LANGUAGES.iter().filter_map(|tag| Some(((*tag).to_owned(), text(&[key, "names", tag])?)));
            let mut names: BTreeMap<String, String> = by_language.collect();
            if let (true, Some(only)) = (names.is_empty(), text(&[key])) {
                names.insert("en".to_owned(), only);
            }
            names
        };
        let path = [PathElement::Key("location"), PathElement::Key("accuracy_radius")];
        let radius_km = found.decode_path::<u32>(&path).ok().flatten();
        let is_near = radius_km.is_none_or(|km| km <= NEARBY_KM);
        let country = text(&["country", "iso_code"]).or_else(|| text(&["country_code"]));
        Called {
            country: country.as_deref().and_then(Country::parse),
            countries: names("country"),
            towns: if is_near { names("city") } else { BTreeMap::new() },
        }
    }
}

/// Those that our pages speak.
const LANGUAGES: [&str; 4] = ["en", "de", "fr", "es"];

/// A name for a page or a mail: one line, and no longer than any place's.
fn clean(name: &str) -> String {
    name.chars().filter(|sign| !sign.is_control()).take(60).collect::<String>().trim().to_owned()
}

#[expect(clippy::cast_possible_truncation, reason = "degrees keep six digits as f32")]
fn location(latitude: Option<f64>, longitude: Option<f64>, radius_km: Option<u32>) -> Option<Location> {
    let radius = radius_km.and_then(|km| u16::try_from(km).ok()).map_or(UNSURE_KM, f32::from);
    Location::new(latitude? as f32, longitude? as f32, radius)
}
