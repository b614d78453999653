//! Names that pretend to be the shop's, for examples. All lie under `example`, which is nobody's (RFC 2606), so no example
//! names somebody else's site.

/// The shop's name on the web as lessons show it, and three that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The real one.
    pub host: String,
    /// The real one put in front of another: `shop.example.account-check.example`.
    pub in_front: String,
    /// The real one with a word behind it: `shop-service.example`.
    pub with_word: String,
    /// One sign is another: `sh0p.example`.
    pub twisted: String,
}

impl Names {
    /// `host` is the shop's first name; `called` what it is called, for a shop that has no name of the web yet.
    pub fn of(host: &str, called: &str) -> Self {
        let host = host.trim_start_matches("www.").to_ascii_lowercase();
        let has_name = host.contains('.') && host.parse::<std::net::IpAddr>().is_err();
        let host = if has_name { host } else { format!("{}.example", slug(called)) };
        let label = host.split('.').next().unwrap_or("shop").to_owned();
        Names {
            in_front: format!("{host}.account-check.example"),
            with_word: format!("{label}-service.example"),
            twisted: format!("{}.example", twist(&label)),
            host,
        }
    }
}

fn slug(called: &str) -> String {
    let plain: String = called.to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(30).collect();
    if plain.is_empty() { "shop".to_owned() } else { plain }
}

/// One sign replaced by what looks like it, or doubled.
fn twist(label: &str) -> String {
    const ALIKE: [(&str, &str); 6] =
        [("m", "rn"), ("w", "vv"), ("o", "0"), ("l", "1"), ("i", "l"), ("d", "cl")];
    // Not the first sign: the eye rests there.
    let inner = |sign: &&(&str, &str)| label.char_indices().skip(1).any(|(_, c)| sign.0.starts_with(c));
    match ALIKE.iter().find(inner) {
        Some((real, alike)) => {
            let (first, rest) = label.split_at(label.char_indices().nth(1).map_or(label.len(), |(at, _)| at));
            format!("{first}{}", rest.replacen(real, alike, 1))
        }
        None => format!("{label}{}", label.chars().last().unwrap_or('s')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn false_names_are_false_and_nobodys() {
        for (host, called, real) in [
            ("www.shop.example", "Shop", "shop.example"),
            ("larkmoor.co.uk", "Larkmoor", "larkmoor.co.uk"),
            ("localhost", "Kiln & Co", "kilnco.example"),
            ("127.0.0.1", "日本", "shop.example"),
            ("a.test", "A", "a.test"),
        ] {
            let names = Names::of(host, called);
            assert_eq!(names.host, real);
            for other in [&names.in_front, &names.with_word, &names.twisted] {
                assert!(other.ends_with(".example"), "{other}");
                assert_ne!(*other, names.host);
            }
        }
        assert_eq!(Names::of("larkmoor.example", "").twisted, "larkrnoor.example");
    }
}
