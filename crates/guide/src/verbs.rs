//! What can be done in guidance, a file each.

pub mod checkup;
pub mod choose;
pub mod follow;
pub mod learn;
pub mod look_up;
pub mod remind;
pub mod report;
