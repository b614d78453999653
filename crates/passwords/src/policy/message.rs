//! What is said of a password, by identifier: the words of each language stand elsewhere. English is here.

use std::fmt;

/// Names a message for good: `password.too_short`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageId {
    TooShort,
    TooLong,
    Common,
    Context,
    FewDistinct,
    Guessable,
    Breached,
    AddWords,
    AvoidKeyboard,
    AvoidRepeats,
    AvoidSequence,
    AvoidDates,
    AvoidNames,
    SwapsDoNotHelp,
    CapitalsDoNotHelp,
    BackwardsDoesNotHelp,
}

impl MessageId {
    pub const ALL: [MessageId; 16] = [
        MessageId::TooShort,
        MessageId::TooLong,
        MessageId::Common,
        MessageId::Context,
        MessageId::FewDistinct,
        MessageId::Guessable,
        MessageId::Breached,
        MessageId::AddWords,
        MessageId::AvoidKeyboard,
        MessageId::AvoidRepeats,
        MessageId::AvoidSequence,
        MessageId::AvoidDates,
        MessageId::AvoidNames,
        MessageId::SwapsDoNotHelp,
        MessageId::CapitalsDoNotHelp,
        MessageId::BackwardsDoesNotHelp,
    ];

    /// The key of the text in a language's file.
    pub const fn key(self) -> &'static str {
        match self {
            MessageId::TooShort => "password.too_short",
            MessageId::TooLong => "password.too_long",
            MessageId::Common => "password.common",
            MessageId::Context => "password.context",
            MessageId::FewDistinct => "password.few_distinct",
            MessageId::Guessable => "password.guessable",
            MessageId::Breached => "password.breached",
            MessageId::AddWords => "password.advice.add_words",
            MessageId::AvoidKeyboard => "password.advice.avoid_keyboard",
            MessageId::AvoidRepeats => "password.advice.avoid_repeats",
            MessageId::AvoidSequence => "password.advice.avoid_sequence",
            MessageId::AvoidDates => "password.advice.avoid_dates",
            MessageId::AvoidNames => "password.advice.avoid_names",
            MessageId::SwapsDoNotHelp => "password.advice.swaps_do_not_help",
            MessageId::CapitalsDoNotHelp => "password.advice.capitals_do_not_help",
            MessageId::BackwardsDoesNotHelp => "password.advice.backwards_does_not_help",
        }
    }

    /// English, with parameters in braces.
    pub const fn english(self) -> &'static str {
        match self {
            MessageId::TooShort => "Use at least {least} characters. A few words in a row are fine.",
            MessageId::TooLong => "Use at most {most} bytes.",
            MessageId::Common => "This is one of the passwords that everybody tries first. Choose another.",
            MessageId::Context => {
                "Choose something that is not your name, your e-mail address or the shop's name."
            }
            MessageId::FewDistinct => "Use more different characters.",
            MessageId::Guessable => "This is quickly guessed. Add a few words that do not belong together.",
            MessageId::Breached => {
                "This password was stolen somewhere before, so others try it. Choose another, and change it where else you use it."
            }
            MessageId::AddWords => "Add another word or two; uncommon ones are better.",
            MessageId::AvoidKeyboard => "Keys that lie side by side are quickly guessed.",
            MessageId::AvoidRepeats => "Saying it twice makes it hardly better.",
            MessageId::AvoidSequence => "Rows such as abc or 6543 are quickly guessed.",
            MessageId::AvoidDates => "Dates and years are quickly guessed, your own first of all.",
            MessageId::AvoidNames => "A name or a single word by itself is quickly guessed.",
            MessageId::SwapsDoNotHelp => "An @ for an a or a 0 for an o makes it hardly better.",
            MessageId::CapitalsDoNotHelp => "Capital letters make it hardly better.",
            MessageId::BackwardsDoesNotHelp => "Writing it backwards makes it hardly better.",
        }
    }
}

/// A message with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    id: MessageId,
    parameters: Vec<(&'static str, usize)>,
}

impl Message {
    pub const fn new(id: MessageId) -> Self {
        Message { id, parameters: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: usize) -> Self {
        self.parameters.push((name, value));
        self
    }

    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Numbers only: nothing of the password can be in them.
    pub fn parameters(&self) -> &[(&'static str, usize)] {
        &self.parameters
    }

    /// The text of a language with the parameters in their places.
    pub fn fill(&self, text: &str) -> String {
        let put = |text: String, (name, value): &(&str, usize)| {
            text.replace(&format!("{{{name}}}"), &value.to_string())
        };
        self.parameters.iter().fold(text.to_owned(), put)
    }

    pub fn english(&self) -> String {
        self.fill(self.id.english())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_a_key_of_its_own_and_plain_words() {
        let mut keys: Vec<&str> = MessageId::ALL.iter().map(|id| id.key()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), MessageId::ALL.len());
        for id in MessageId::ALL {
            assert!(id.key().starts_with("password.") && id.english().ends_with('.'), "{id:?}");
        }
        let message = Message::new(MessageId::TooShort).with("least", 15);
        assert_eq!(message.english(), "Use at least 15 characters. A few words in a row are fine.");
        assert_eq!(message.fill("Mindestens {least} Zeichen."), "Mindestens 15 Zeichen.");
    }
}
