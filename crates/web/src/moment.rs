//! Moments in pages: full and in UTC for everybody, turned into "3 min ago" by the script where there is one.

use std::fmt;

use storeward_base::Timestamp;

/// Prints as a `<time>` element. Safe in templates without escaping: it holds digits and fixed letters only.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.0.to_string();
        write!(
            f,
            r#"<time datetime="{full}" title="{full}" data-ago>{} {} UTC</time>"#,
            full.get(..10).unwrap_or(&full),
            full.get(11..19).unwrap_or("")
        )
    }
}

impl askama::filters::HtmlSafe for Moment {}
