//! Facts of guidance: reminders, lessons, and messages that people ask about or report. They name people by id.

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, ReminderId, ReportId};

/// A reminder was promised to the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderSent {
    pub reminder: ReminderId,
    pub customer: CustomerId,
    /// `review`, `orders`, `lessons`, `one_device`, `codes_low` or `breached_password`.
    pub topic: String,
}

/// A reminder was due and not sent, so that what reminders change can be compared with what happens without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderHeldBack {
    pub reminder: ReminderId,
    pub customer: CustomerId,
    pub topic: String,
}

/// Somebody did what a reminder asked for, within the days that the config gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderFollowed {
    pub reminder: ReminderId,
    pub customer: CustomerId,
    pub topic: String,
    /// `factor_added`, `codes_made`, `password_changed`, `lesson_finished` or `reviewed`.
    pub act: String,
    /// Whole hours between the two.
    pub hours: u32,
}

/// A customer went through a lesson's questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonFinished {
    pub customer: CustomerId,
    /// `passwords`, `phishing` or `payment`.
    pub lesson: String,
    pub right: u32,
    pub questions: u32,
}

/// A customer wants reminders of a kind, or wants them no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderChoiceMade {
    pub customer: CustomerId,
    pub topic: String,
    pub wanted: bool,
    /// `page` (signed in), `letter` (the link of a mail) or `one_click` (the mail program, RFC 8058).
    pub way: String,
}

/// Somebody looks up codes of messages that do not exist, more often than people mistype. Told once for each wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCodesGuessed {
    /// How long they have to wait now.
    pub wait_seconds: u64,
}

/// Somebody reported a message that pretends to be from the shop. What it says is kept sealed, apart from this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReported {
    pub report: ReportId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// How many links stand in it.
    pub links: u32,
    /// Whether it bears the code of a message that is ours: copied from one, or reported by mistake.
    pub bears_our_code: bool,
    /// Of floods only a sample of the words is kept.
    #[serde(default, skip_serializing_if = "Words::are_kept")]
    pub words: Words,
}

/// What became of a report's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    #[default]
    Kept,
    NotKept,
}

impl Words {
    pub const fn are_kept(&self) -> bool {
        matches!(self, Words::Kept)
    }
}

/// A member of staff looked at a report and closed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportClosed {
    pub report: ReportId,
    /// `false_message`, `ours` or `nothing`.
    pub verdict: String,
}
