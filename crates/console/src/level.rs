//! How well something is: always a colour, an icon and a word together.

/// The state of a thing on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Neither good nor bad.
    Plain,
    Ok,
    /// Worth knowing.
    Note,
    /// Needs somebody soon.
    Warn,
    /// Needs somebody now, or was stopped.
    Bad,
}

impl Level {
    /// The class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Level::Plain => "plain",
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Warn => "warn",
            Level::Bad => "bad",
        }
    }

    /// A symbol of the icon sheet.
    pub const fn icon(self) -> &'static str {
        match self {
            Level::Plain | Level::Note => "note",
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Bad => "bad",
        }
    }
}

/// A word with its colour and icon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    pub level: Level,
    pub icon: &'static str,
    pub word: String,
}

impl Badge {
    pub fn new(level: Level, word: impl Into<String>) -> Self {
        Badge { level, icon: level.icon(), word: word.into() }
    }
}
