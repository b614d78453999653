//! The words of guidance: lessons, kinds of reminders, what people do after them.

use storeward_store::{FromValue, Value};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $wanted:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$($name::$variant),+];

            /// The stable word in tables, events and addresses.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl From<$name> for Value {
            fn from(value: $name) -> Self { Value::Text(value.word().to_owned()) }
        }

        impl FromValue for $name {
            const WANTED: &'static str = $wanted;
            fn from_value(value: Value) -> Option<Self> {
                String::from_value(value).and_then(|word| $name::of_word(&word))
            }
        }
    };
}

words! {
    /// A short lesson with its questions.
    Lesson, "a lesson" {
        Passwords = "passwords",
        Phishing = "phishing",
        Payment = "payment",
    }
}

impl Lesson {
    pub const fn questions(self) -> u32 {
        match self {
            Lesson::Phishing => 5,
            Lesson::Passwords | Lesson::Payment => 4,
        }
    }

    /// The texts that a question is made of, beside what every lesson has.
    pub const fn question_parts(self) -> &'static [&'static str] {
        match self {
            Lesson::Phishing => &["subject", "text", "button", "why"],
            Lesson::Passwords | Lesson::Payment => &["q", "a", "b", "c", "why"],
        }
    }

    /// What may be answered.
    pub const fn answers(self) -> &'static [&'static str] {
        match self {
            Lesson::Phishing => &["real", "false"],
            Lesson::Passwords | Lesson::Payment => &["a", "b", "c"],
        }
    }

    /// The right answers, in the order of the questions.
    pub const fn right(self) -> &'static [&'static str] {
        match self {
            Lesson::Passwords => &["b", "c", "a", "b"],
            Lesson::Phishing => &["real", "false", "false", "real", "false"],
            Lesson::Payment => &["c", "a", "b", "c"],
        }
    }
}

words! {
    /// What a reminder is about.
    Topic, "a kind of reminder" {
        /// Look over how one signs in.
        Review = "review",
        /// Look over orders and payments.
        Orders = "orders",
        /// Refresh the lessons.
        Lessons = "lessons",
        /// One second step, no spare.
        OneDevice = "one_device",
        /// A recovery code was used, and few are left.
        CodesLow = "codes_low",
        /// The password is on a list of stolen ones.
        BreachedPassword = "breached_password",
    }
}

impl Topic {
    /// What an account depends on cannot be switched off, is never held back, and knows no quiet hours.
    pub const fn may_be_switched_off(self) -> bool {
        match self {
            Topic::Review | Topic::Orders | Topic::Lessons | Topic::OneDevice => true,
            Topic::CodesLow | Topic::BreachedPassword => false,
        }
    }

    /// What it asks for, as far as we can see it.
    pub const fn asks_for(self) -> &'static [Act] {
        match self {
            Topic::Review => &[Act::FactorAdded, Act::CodesMade, Act::PasswordChanged, Act::Reviewed],
            Topic::Orders => &[],
            Topic::Lessons => &[Act::LessonFinished],
            Topic::OneDevice | Topic::CodesLow => &[Act::FactorAdded, Act::CodesMade],
            Topic::BreachedPassword => &[Act::PasswordChanged],
        }
    }

    pub fn switchable() -> impl Iterator<Item = Topic> {
        Topic::ALL.iter().copied().filter(|topic| topic.may_be_switched_off())
    }
}

words! {
    /// What somebody did for their safety.
    Act, "an act" {
        FactorAdded = "factor_added",
        CodesMade = "codes_made",
        PasswordChanged = "password_changed",
        LessonFinished = "lesson_finished",
        Reviewed = "reviewed",
    }
}

words! {
    /// What staff made of a report.
    Verdict, "a verdict" {
        FalseMessage = "false_message",
        Ours = "ours",
        Nothing = "nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_has_its_right_answer() {
        for lesson in Lesson::ALL {
            assert_eq!(u32::try_from(lesson.right().len()), Ok(lesson.questions()));
            assert!(lesson.right().iter().all(|right| lesson.answers().contains(right)));
            // Whoever ticks the same everywhere learns nothing by it.
            assert!(lesson.answers().iter().all(|a| lesson.right().iter().any(|right| right == a)));
        }
    }
}
