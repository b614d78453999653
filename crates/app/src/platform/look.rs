//! The shop's name and colour, by its home page.

use super::html::Page;

/// How the shop looks, for the pages that are shown in its place. Both are safe to print and to write into a config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub name: Option<String>,
    /// `#rrggbb`.
    pub colour: Option<String>,
}

/// Longer names are cut.
const LONGEST_NAME_CHARS: usize = 60;

/// More parts of a title are not looked at.
const MOST_PARTS: usize = 16;

/// Parts of a title that name the page and not the shop.
const PAGE_WORDS: [&str; 16] = [
    "home",
    "homepage",
    "home page",
    "start",
    "startseite",
    "welcome",
    "willkommen",
    "accueil",
    "bienvenue",
    "inicio",
    "início",
    "pagina iniziale",
    "strona główna",
    "hem",
    "forside",
    "index",
];

impl Look {
    /// Reads a home page: `og:site_name` (ogp.me), then `application-name` (HTML standard, section 4.2.5.1), then the
    /// title; `theme-color` as the HTML standard defines it, that for dark screens left out. The other pages, such as
    /// those that say that something is not there, help to tell the shop's name from its motto.
    pub fn read(html: &str, others: &[&str]) -> Self {
        let page = Page::read(html);
        let meta = |name: &'static str| page.metas.iter().filter(move |m| m.name == name);
        let named =
            ["og:site_name", "application-name"].into_iter().flat_map(meta).find_map(|m| clean(&m.content));
        let name = named.or_else(|| shop_of_title(page.title.as_deref()?, others));
        let colour =
            meta("theme-color").filter(|m| !m.media.contains("dark")).find_map(|m| colour(&m.content));
        Look { name, colour }
    }
}

/// Of the parts of a home page's title the first that other pages' titles have too; else the first: "Home - Kiln & Co"
/// and "Kiln & Co – Ceramics" are both Kiln & Co.
fn shop_of_title(title: &str, others: &[&str]) -> Option<String> {
    let parts = parts_of(title);
    let others = others.iter().filter_map(|html| Page::read(html).title);
    let shared: Vec<String> = others.flat_map(|title| parts_of(&title)).collect();
    parts.iter().find(|part| shared.contains(part)).or_else(|| parts.first()).cloned()
}

/// The parts of a title that can be a name, without the words for a home page.
fn parts_of(title: &str) -> Vec<String> {
    const BETWEEN: [&str; 9] = [" - ", " – ", " — ", " | ", " · ", " • ", " » ", " « ", ": "];
    let mut parts = vec![clean_text(title)];
    for between in BETWEEN {
        parts = parts.iter().flat_map(|part| part.split(between)).map(str::to_owned).collect();
    }
    let is_page = |part: &str| PAGE_WORDS.contains(&part.to_lowercase().as_str());
    parts.iter().filter_map(|part| clean(part)).filter(|part| !is_page(part)).take(MOST_PARTS).collect()
}

/// A name fit to be shown, or none.
fn clean(text: &str) -> Option<String> {
    let text = clean_text(text);
    let name: String = text.chars().take(LONGEST_NAME_CHARS).collect();
    let name = name.trim();
    name.chars().any(char::is_alphanumeric).then(|| name.to_owned())
}

/// One line; without control characters and those that turn the direction of text around or cannot be seen.
fn clean_text(text: &str) -> String {
    let visible = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
    };
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let visible: String = spaced.filter(visible).collect();
    visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `#rgb` or `#rrggbb` as `#rrggbb`; other ways to write a colour are left out.
fn colour(text: &str) -> Option<String> {
    let digits = text.trim().strip_prefix('#')?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    match digits.len() {
        6 => Some(format!("#{digits}")),
        3 => Some(digits.chars().fold("#".to_owned(), |all, c| format!("{all}{c}{c}"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(html: &str, expected: Option<&str>) {
        assert_eq!(Look::read(html, &[]).name.as_deref(), expected, "{html}");
    }

    #[test]
    fn the_name_is_the_shops_and_not_the_pages() {
        name("<title>Home - Kiln</title>", Some("Kiln"));
        name("<title>Home - Shop</title>", Some("Shop"));
        name("<title>Kiln &amp; Co – Handmade ceramics</title>", Some("Kiln & Co"));
        name("<title>\n  Startseite | Töpferei   Grün\n</title>", Some("Töpferei Grün"));
        name("<title>Coca-Cola Store</title>", Some("Coca-Cola Store"));
        name("<title>Welcome</title>", None);
        name("<title></title>", None);
        name("<title> - | - </title>", None);
        name("<p>no title</p>", None);
        name("<title>Home page</title><meta property='og:site_name' content='Kiln'>", Some("Kiln"));
        name(
            "<title>A</title><meta content=\"Kiln &amp; Co\" name=\"application-name\"/>",
            Some("Kiln & Co"),
        );
        name("<title>A</title><meta property='og:site_name' content=' '>", Some("A"));
        name("<svg><title>Cart</title></svg>", Some("Cart"));
    }

    #[test]
    fn what_other_pages_share_is_the_name() {
        let check = |other: &str, expected: &str| {
            let home = "<title>Homeware made slowly — Kiln &amp; Co</title>";
            assert_eq!(Look::read(home, &["{}", other]).name.as_deref(), Some(expected), "{other}");
        };
        check("<title>Not found — Kiln &amp; Co</title>", "Kiln & Co");
        check("<title>404 Not Found</title>", "Homeware made slowly");
        check("<title>Homeware made slowly — Kiln &amp; Co</title>", "Homeware made slowly");
    }

    #[test]
    fn a_hostile_name_is_harmless() {
        name("<title>\u{202e}evil\u{1b}[31m\0</title>", Some("evil[31m"));
        name("<title>a\r\nb\ttitle</title>", Some("a b title"));
        let long = Look::read(&format!("<title>{}</title>", "ä".repeat(10_000)), &[]).name.unwrap();
        assert_eq!(long.chars().count(), LONGEST_NAME_CHARS);
        name("<title>open", None);
    }

    #[test]
    fn colours() {
        let check = |html: &str, expected: Option<&str>| {
            assert_eq!(Look::read(html, &[]).colour.as_deref(), expected, "{html}")
        };
        check("<meta name=theme-color content='#7B2D26'>", Some("#7b2d26"));
        check("<meta name=\"theme-color\" content=\" #abc \">", Some("#aabbcc"));
        check("<meta name=theme-color content=red>", None);
        check("<meta name=theme-color content='#12345'>", None);
        check("<meta name=theme-color content='#ffffff;}body{'>", None);
        check("<meta name=theme-color content='#éé'>", None);
        let two = "<meta name=theme-color media='(prefers-color-scheme: dark)' content='#000000'>\
                   <meta name=theme-color media='(prefers-color-scheme: light)' content='#ffffff'>";
        check(two, Some("#ffffff"));
    }
}
