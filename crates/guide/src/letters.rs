//! What a reminder says: one thought, why, one button.

use std::time::Duration;

use storeward_base::Secret;
use storeward_host::OWN_PREFIX;
use storeward_identity::{Person, Standing};
use storeward_outbound::mail::{Address, Block, Letter, Line, Link, Mailbox};
use storeward_post::Mail;

use crate::guide::Shared;
use crate::model::Topic;
use crate::sql::lesson::Finished;
use crate::sql::reminder::Reminder;
use crate::texts::Texts;
use crate::verbs::checkup::checkup;

/// What events and the register call these messages.
const fn topic_of(topic: Topic) -> &'static str {
    match topic {
        Topic::Review => "guide.review",
        Topic::Orders => "guide.orders",
        Topic::Lessons => "guide.lessons",
        Topic::OneDevice => "guide.one_device",
        Topic::CodesLow => "guide.codes_low",
        Topic::BreachedPassword => "guide.breached_password",
    }
}

impl Shared {
    /// `None` for an address that no mail server would take.
    pub fn write_letter(
        &self,
        reminder: &Reminder,
        token: Option<&Secret<String>>,
        owner: &Person,
        standing: &Standing,
        lessons: &[Finished],
    ) -> Option<Mail> {
        let to = Address::parse(owner.email.as_deref()?).ok()?;
        let (t, topic, shop) = (Texts(owner.language), reminder.topic, self.identity.shop_name());
        let word = topic.word();
        let said = |part: &str| {
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("shop", &shop), ("count", &standing.codes_left)];
            t.ff(&format!("letter.{word}.{part}"), &values)
        };
        let line = |text: &str| Line::clean(text, "?");
        let mut letter = Letter::new(line(&said("subject"))).with(Block::Text(said("text")));
        if topic == Topic::Review {
            let found = checkup(standing, lessons, self.now());
            if !found.actions.is_empty() {
                let points = found.actions.iter().map(|action| t.s(&format!("action.{}", action.key)));
                let points = points.collect();
                letter = letter.with(Block::Text(t.s("letter.review.next"))).with(Block::Points(points));
            }
        }
        if let Ok(link) = Link::parse(&self.target(topic)) {
            letter = letter.with(Block::Button { label: line(&said("button")), link });
        }
        let host = self.identity.address();
        let host = host.strip_prefix("https://").unwrap_or(&host).to_owned();
        letter = letter.with(Block::Text(t.f("letter.self", "host", host)));
        letter = letter.foot(t.f("letter.why", "shop", &shop));
        let stop = token.and_then(|token| Link::parse(&self.unsubscribe_address(token)).ok());
        letter = match &stop {
            Some(link) => letter.foot(t.f("letter.stop", "link", link.as_str())),
            None => letter.foot(t.s("letter.always")),
        };
        let mail = Mail::new(topic_of(topic), Mailbox::from(to), owner.language, letter);
        let mail = mail.customer(reminder.customer).until(reminder.at.plus(Duration::from_secs(20 * 3600)));
        Some(match stop {
            Some(link) => mail.unsubscribe(link),
            None => mail,
        })
    }

    /// Where the button leads. All of it asks to sign in first, and nothing happens by going there.
    fn target(&self, topic: Topic) -> String {
        let origin = self.identity.address();
        let own = |path: &str| format!("{origin}{OWN_PREFIX}{path}");
        match topic {
            Topic::Review => own("/account"),
            Topic::Lessons => own("/learn/phishing/quiz"),
            Topic::OneDevice | Topic::CodesLow => own("/account/codes"),
            Topic::BreachedPassword => own("/account/password"),
            Topic::Orders => {
                let path = self.policy().orders_path.clone().unwrap_or_else(|| "/".to_owned());
                format!("{origin}{path}")
            }
        }
    }

    fn unsubscribe_address(&self, token: &Secret<String>) -> String {
        format!("{}{OWN_PREFIX}/unsubscribe?t={}", self.identity.address(), token.expose())
    }
}
