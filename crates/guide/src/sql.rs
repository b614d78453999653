//! All SQL of guidance, by table.

pub mod lesson;
pub mod person;
pub mod reminder;
pub mod report;

/// Every statement of this crate, for the test that prepares them on both engines.
pub const STATEMENTS: &[&[&str]] =
    &[lesson::STATEMENTS, person::STATEMENTS, reminder::STATEMENTS, report::STATEMENTS];
