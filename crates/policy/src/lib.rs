//! Who may see what of customers' data: rules in Cedar, their answers with the reason, the table of who sees what.
//!
//! **Owns** the schema, the guards that hold always, the rules that a shop begins with, roles, purposes and masks, and the
//! one evaluation of them ([`Policies`]).
//! **Holds** what no rule allows is refused; a guard wins over every rule; a rule that cannot be evaluated allows nothing; a
//! policy that does not fit the schema is not taken; where two rules allow, the one that shows more counts.
//! **Never** a value of a customer, storage, a clock: ages and counts come from outside.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod answer;
mod error;
mod policies;
mod reading;
mod table;
mod words;

pub use answer::{Answer, Mask, Refusal};
pub use error::Fault;
pub use policies::{Policies, Rule, Untold};
pub use table::{ActChange, Cell, CellChange, Changes, Row, changes, groups, table};
pub use words::{Act, Asked, Circumstances, Grant, Purpose, Role, Thing, VOLUME_LIMIT, Who};
