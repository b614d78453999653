//! What a mail says, as blocks. The plain text and the HTML are made of the same blocks, so they cannot disagree.

use std::fmt;

use storeward_base::Language;

use super::line::Line;
use super::link::Link;
use super::message::{Attachment, Body, MediaType, content_id};

/// How the shop looks in its mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    pub name: Line,
    pub colour: Colour,
    /// How to reach the shop's people.
    pub contact: Option<Line>,
    pub logo: Option<Attachment>,
}

impl Brand {
    pub fn new(name: Line) -> Self {
        Brand { name, colour: Colour::default(), contact: None, logo: None }
    }
}

/// `#rrggbb`; nothing else can be put into a style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Default for Colour {
    fn default() -> Self {
        Colour([0x1F, 0x4E, 0x79])
    }
}

impl Colour {
    pub fn parse(text: &str) -> Option<Self> {
        let digits =
            text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let at = |range| u8::from_str_radix(digits.get(range)?, 16).ok();
        Some(Colour([at(0..2)?, at(2..4)?, at(4..6)?]))
    }

    /// Black or white, whichever reads better on it (WCAG 2.2, contrast ratio by relative luminance).
    fn ink(self) -> &'static str {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = self.0.map(linear);
        let luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        // Where both contrasts are equal: (L + 0.05)² = 1.05 × 0.05.
        if luminance > 0.179 { "#000000" } else { "#ffffff" }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// A logo must stay under this: it goes along with every mail.
pub const LARGEST_LOGO_BYTES: usize = 64 * 1024;

/// A PNG or JPEG picture by its first bytes; `None` for anything else, and for one that is too large.
pub fn logo(bytes: &[u8]) -> Option<Attachment> {
    let kind = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => MediaType::Png,
        [0xFF, 0xD8, 0xFF, ..] => MediaType::Jpeg,
        _ => return None,
    };
    let name = if kind == MediaType::Png { "logo.png" } else { "logo.jpg" };
    (bytes.len() <= LARGEST_LOGO_BYTES).then(|| Attachment {
        name: Line::clean(name, "logo"),
        kind,
        bytes: bytes.to_vec(),
    })
}

/// One part of what is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A code to type in, set apart and easy to select.
    Code(Line),
    /// Where to go. Nothing happens there on GET; the page asks first.
    Button {
        label: Line,
        link: Link,
    },
    /// What and what of it, such as device, place and time. A value that somebody outside chose is a
    /// [`Line::from_outside`].
    Facts(Vec<(Line, Line)>),
    Points(Vec<String>),
}

/// A mail before it has an addressee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub subject: Line,
    pub blocks: Vec<Block>,
    /// "Is this message from us? Look up code XXXX-XXXX at <address>", in the reader's language.
    pub check: Option<Line>,
    /// Small print, such as why this mail came.
    pub foot: Vec<String>,
}

impl Letter {
    pub fn new(subject: Line) -> Self {
        Letter { subject, blocks: Vec::new(), check: None, foot: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    #[must_use]
    pub fn check(mut self, line: Line) -> Self {
        self.check = Some(line);
        self
    }

    #[must_use]
    pub fn foot(mut self, text: impl Into<String>) -> Self {
        self.foot.push(text.into());
        self
    }

    pub fn body(&self, brand: &Brand, language: Language) -> Body {
        Body {
            text: self.text(brand),
            html: Some(self.html(brand, language)),
            pictures: brand.logo.clone().into_iter().collect(),
        }
    }

    fn text(&self, brand: &Brand) -> String {
        let mut out = format!("{}\n\n", brand.name.as_str());
        for block in &self.blocks {
            match block {
                Block::Text(text) => out.push_str(text),
                Block::Code(code) => out.push_str(&format!("    {}", code.as_str())),
                Block::Button { label, link } => {
                    out.push_str(&format!("{}:\n{}", label.as_str(), link.as_str()));
                }
                Block::Facts(facts) => {
                    let lines =
                        facts.iter().map(|(what, value)| format!("{}: {}", what.as_str(), value.as_str()));
                    out.push_str(&lines.collect::<Vec<_>>().join("\n"));
                }
                Block::Points(points) => {
                    let lines = points.iter().map(|point| format!("- {point}"));
                    out.push_str(&lines.collect::<Vec<_>>().join("\n"));
                }
            }
            out.push_str("\n\n");
        }
        // Two hyphens and a blank: where a signature begins (RFC 3676 section 4.3).
        out.push_str("-- \n");
        for line in self.small_print(brand) {
            out.push_str(&format!("{line}\n"));
        }
        out
    }

    /// Everything below the line.
    fn small_print<'a>(&'a self, brand: &'a Brand) -> impl Iterator<Item = &'a str> {
        let check = self.check.as_ref().map(Line::as_str);
        let contact = brand.contact.as_ref().map(Line::as_str);
        check.into_iter().chain(self.foot.iter().map(String::as_str)).chain(contact)
    }

    /// One column, styles on the elements, no outside picture, no script: what every mail program shows.
    fn html(&self, brand: &Brand, language: Language) -> String {
        let name = escape(brand.name.as_str());
        let mut out = format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
             </head>\n<body style=\"margin:0;padding:24px;font:16px/1.5 sans-serif\">\n<div \
             style=\"max-width:560px;margin:0 auto\">\n",
            language.tag(),
            escape(self.subject.as_str())
        );
        match &brand.logo {
            Some(logo) => out.push_str(&format!(
                "<p style=\"margin:0 0 24px\"><img src=\"cid:{}\" alt=\"{name}\" height=\"48\"></p>\n",
                content_id(logo)
            )),
            None => out.push_str(&format!(
                "<p style=\"margin:0 0 24px;padding:0 0 12px;border-bottom:3px solid {};font-weight:bold\">{name}</p>\n",
                brand.colour
            )),
        }
        for block in &self.blocks {
            out.push_str(&html_of(block, brand.colour));
        }
        out.push_str("<hr style=\"border:0;border-top:1px solid #888888;margin:32px 0 12px\">\n");
        for line in self.small_print(brand) {
            out.push_str(&format!("<p style=\"font-size:13px;margin:0 0 8px\">{}</p>\n", escape(line)));
        }
        out.push_str("</div>\n</body>\n</html>\n");
        out
    }
}

fn html_of(block: &Block, colour: Colour) -> String {
    match block {
        Block::Text(text) => {
            format!("<p style=\"margin:0 0 16px\">{}</p>\n", escape(text).replace('\n', "<br>\n"))
        }
        Block::Code(code) => format!(
            "<p style=\"margin:0 0 16px;font:bold 28px/1.5 monospace;letter-spacing:2px\">{}</p>\n",
            escape(code.as_str())
        ),
        Block::Button { label, link } => format!(
            "<p style=\"margin:0 0 8px\"><a href=\"{link}\" style=\"display:inline-block;padding:12px \
             20px;border-radius:6px;background:{colour};color:{};text-decoration:none;font-weight:bold\">{}</a></p>\n<p \
             style=\"margin:0 0 16px;font-size:13px;word-break:break-all\">{link}</p>\n",
            colour.ink(),
            escape(label.as_str()),
            link = escape(link.as_str()),
        ),
        Block::Facts(facts) => {
            let rows = facts.iter().map(|(what, value)| {
                format!(
                    "<tr><th scope=\"row\" style=\"text-align:left;padding:2px 16px 2px \
                     0;font-weight:normal;vertical-align:top\">{}</th><td style=\"padding:2px 0\">{}</td></tr>\n",
                    escape(what.as_str()),
                    escape(value.as_str())
                )
            });
            format!(
                "<table style=\"margin:0 0 16px;border-collapse:collapse\">\n{}</table>\n",
                rows.collect::<String>()
            )
        }
        Block::Points(points) => {
            let items = points.iter().map(|point| format!("<li>{}</li>\n", escape(point)));
            format!("<ul style=\"margin:0 0 16px;padding-left:20px\">\n{}</ul>\n", items.collect::<String>())
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::parse(text).unwrap()
    }

    fn letter(word: &str) -> Letter {
        let cleaned = || Line::clean(word, "-");
        Letter::new(cleaned())
            .with(Block::Text(word.to_owned()))
            .with(Block::Code(cleaned()))
            .with(Block::Button {
                label: cleaned(),
                link: Link::parse("https://shop.example/a?b=1&c=2").unwrap(),
            })
            .with(Block::Facts(vec![(cleaned(), cleaned())]))
            .with(Block::Points(vec![word.to_owned()]))
            .check(cleaned())
            .foot(word)
    }

    /// What a reader sees of the HTML.
    fn seen(html: &str) -> String {
        let body = html.split_once("<body").unwrap().1.split_once('>').unwrap().1;
        let mut out = String::new();
        for piece in body.split('<') {
            out.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
            out.push(' ');
        }
        out.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    }

    #[test]
    fn both_forms_say_the_same() {
        let mut brand = Brand::new(line("Müller & Söhne"));
        brand.contact = Some(line("help@shop.example"));
        let words = ["one", "two three"];
        let letter = words.iter().fold(Letter::new(line("Subject")), |letter, word| {
            letter
                .with(Block::Text(format!("text {word}")))
                .with(Block::Code(line(&format!("code {word}"))))
                .with(Block::Facts(vec![(line(&format!("what {word}")), line(&format!("value {word}")))]))
                .with(Block::Points(vec![format!("point {word}")]))
        });
        let letter = letter
            .with(Block::Button { label: line("Go"), link: Link::parse("https://shop.example/").unwrap() })
            .check(line("Is this from us?"))
            .foot("Why this came");
        let body = letter.body(&brand, Language::De);
        let html = body.html.unwrap();
        let flat = |text: &str| {
            let kept: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
            kept.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let count = |words: &[String]| {
            let mut counted = std::collections::BTreeMap::new();
            words.iter().for_each(|w| *counted.entry(w.clone()).or_insert(0) += 1);
            counted
        };
        assert_eq!(count(&flat(&body.text)), count(&flat(&seen(&html))), "{html}");
        assert!(html.contains("<html lang=\"de\">"));
    }

    #[test]
    fn nothing_said_becomes_markup() {
        let word = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>&amp;";
        let mut brand = Brand::new(line(word));
        brand.contact = Some(line(word));
        let html = letter(word).body(&brand, Language::En).html.unwrap();
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(html.contains("https://shop.example/a?b=1&amp;c=2"));
    }

    #[test]
    fn colours_and_logos_are_what_they_say() {
        for text in ["red", "#fff", "#12345g", "#1234567", "#123456;x", "123456", "#é2345"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
        assert_eq!(Colour::parse("#FFee00").unwrap().to_string(), "#ffee00");
        assert_eq!(Colour::parse("#ffee00").unwrap().ink(), "#000000");
        assert_eq!(Colour::default().ink(), "#ffffff");
        assert!(logo(b"<svg onload=x>").is_none());
        let png = b"\x89PNG\r\n\x1a\nrest";
        assert_eq!(logo(png).unwrap().kind, MediaType::Png);
        assert!(logo(&[png.as_slice(), &vec![0; LARGEST_LOGO_BYTES]].concat()).is_none());
        let mut brand = Brand::new(line("Shop"));
        brand.logo = logo(png);
        let body = letter("x").body(&brand, Language::En);
        assert!(body.html.unwrap().contains(&format!("cid:{}", content_id(&body.pictures[0]))));
    }
}
