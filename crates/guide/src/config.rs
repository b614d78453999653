//! The policy: the section `[guide]` of `storeward.toml`.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// Whether mails are sent by schedule and on what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reminders {
    /// Only what an account depends on: stolen passwords, the last recovery codes.
    #[default]
    Off,
    On,
}

/// How customers are guided.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    pub reminders: Reminders,
    /// How often people are asked to look over how they sign in; 0: never.
    pub review_months: u32,
    /// How often to look over orders and payments; 0: never. Needs `orders_path`.
    pub orders_months: u32,
    /// How often to refresh the lessons; 0: never.
    pub lessons_months: u32,
    /// Where the shop shows a customer's orders, such as `/my-account/orders/`.
    pub orders_path: Option<String>,
    /// Between two reminders to one person lie at least so many days.
    pub days_between: u32,
    /// So many days after somebody came, or something happened to their account, no reminder.
    pub quiet_days: u32,
    /// Mails go out from this hour (UTC) …
    pub from_hour: u32,
    /// … until this one.
    pub until_hour: u32,
    pub mails_per_hour: u32,
    /// Of a hundred due reminders so many are not sent, to see what reminders change; 0: none.
    pub held_back_percent: u32,
    /// What is done within so many days counts as done because of a reminder.
    pub follow_days: u32,
    /// Whom to tell of holes: `mailto:`, `https:` or `tel:` addresses, the most wanted first (RFC 9116 section 2.5.3).
    pub security_contact: Vec<String>,
    /// A page with the rules for whoever looks for holes.
    pub security_policy: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            reminders: Reminders::Off,
            review_months: 6,
            orders_months: 3,
            lessons_months: 6,
            orders_path: None,
            days_between: 30,
            quiet_days: 7,
            from_hour: 7,
            until_hour: 19,
            mails_per_hour: 200,
            held_back_percent: 10,
            follow_days: 14,
            security_contact: Vec::new(),
            security_policy: None,
        }
    }
}

/// What does not fit in the section, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub key: &'static str,
    pub what: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[guide] {}: {}", self.key, self.what)
    }
}

impl std::error::Error for ConfigFault {}

const DAY: Duration = Duration::from_secs(86_400);

/// A month as reminders count it.
pub const MONTH: Duration = Duration::from_secs(30 * 86_400);

impl Policy {
    pub fn between(&self) -> Duration {
        DAY * self.days_between
    }

    pub fn quiet(&self) -> Duration {
        DAY * self.quiet_days
    }

    pub fn follow(&self) -> Duration {
        DAY * self.follow_days
    }

    /// Whether mails may go out at this hour of the day.
    pub fn is_open_at(&self, hour: u32) -> bool {
        if self.from_hour <= self.until_hour {
            (self.from_hour..self.until_hour).contains(&hour)
        } else {
            hour >= self.from_hour || hour < self.until_hour
        }
    }

    /// Every fault of the section.
    pub fn check(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut refuse = |key, what: String| faults.push(ConfigFault { key, what });
        for (key, value, least, most) in [
            ("review_months", self.review_months, 0, 24),
            ("orders_months", self.orders_months, 0, 24),
            ("lessons_months", self.lessons_months, 0, 24),
            ("days_between", self.days_between, 7, 365),
            ("quiet_days", self.quiet_days, 1, 90),
            ("from_hour", self.from_hour, 0, 23),
            ("until_hour", self.until_hour, 0, 24),
            ("mails_per_hour", self.mails_per_hour, 1, 100_000),
            ("held_back_percent", self.held_back_percent, 0, 50),
            ("follow_days", self.follow_days, 1, 60),
        ] {
            if !(least..=most).contains(&value) {
                refuse(key, format!("{value} is not between {least} and {most}"));
            }
        }
        if self.from_hour == self.until_hour {
            refuse("until_hour", "is the same as from_hour, so no mail would ever go out".to_owned());
        }
        if let Some(path) = &self.orders_path
            && (!path.starts_with('/') || path.starts_with("//") || !is_plain(path))
        {
            refuse("orders_path", "a path of the shop, such as /my-account/orders/".to_owned());
        }
        if self.security_contact.iter().any(|contact| !is_contact(contact)) {
            refuse(
                "security_contact",
                "addresses such as mailto:security@shop.example, https://… or tel:+49…".to_owned(),
            );
        }
        if self.security_contact.len() > 5 {
            refuse("security_contact", "at most five".to_owned());
        }
        if self.security_policy.as_ref().is_some_and(|url| !url.starts_with("https://") || !is_plain(url)) {
            refuse(
                "security_policy",
                "the address of a page, such as https://shop.example/security".to_owned(),
            );
        }
        faults
    }
}

/// Printable ASCII without what could end a line, a header or an attribute.
fn is_plain(text: &str) -> bool {
    text.len() <= 500
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\'))
}

/// RFC 9116 section 2.5.3: a URI; web addresses over https.
fn is_contact(text: &str) -> bool {
    let known = ["mailto:", "https://", "tel:"];
    known.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme)) && is_plain(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<&'static str> {
        let policy: Policy = toml::from_str(text).unwrap();
        policy.check().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn what_does_not_fit_is_told() {
        assert_eq!(faults(""), Vec::<&str>::new());
        let good = "reminders = 'on'\norders_path = '/my-account/orders/'\nsecurity_contact = \
                    ['mailto:security@shop.example', 'https://shop.example/security', 'tel:+49-30-1']\n";
        assert_eq!(faults(good), Vec::<&str>::new());
        for (text, key) in [
            ("days_between = 1", "days_between"),
            ("quiet_days = 0", "quiet_days"),
            ("review_months = 25", "review_months"),
            ("held_back_percent = 60", "held_back_percent"),
            ("from_hour = 5\nuntil_hour = 5", "until_hour"),
            ("orders_path = 'https://evil.example/'", "orders_path"),
            ("orders_path = '//evil.example/'", "orders_path"),
            ("security_contact = ['security@shop.example']", "security_contact"),
            ("security_contact = ['http://shop.example/']", "security_contact"),
            ("security_contact = [\"mailto:a@b.c\\nExpires: never\"]", "security_contact"),
            ("security_policy = 'shop.example'", "security_policy"),
        ] {
            assert_eq!(faults(text), [key], "{text}");
        }
        assert!(toml::from_str::<Policy>("remind = true").is_err());
    }

    #[test]
    fn hours_may_go_over_midnight() {
        let mut policy = Policy { from_hour: 20, until_hour: 4, ..Policy::default() };
        let open: Vec<u32> = (0..24).filter(|hour| policy.is_open_at(*hour)).collect();
        assert_eq!(open, [0, 1, 2, 3, 20, 21, 22, 23]);
        (policy.from_hour, policy.until_hour) = (7, 19);
        assert!(
            policy.is_open_at(7) && policy.is_open_at(18) && !policy.is_open_at(19) && !policy.is_open_at(6)
        );
    }
}
