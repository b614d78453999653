//! All SQL of customers' accounts, by table.

pub mod account;
pub mod activity;
pub mod bound;
pub mod closing;
pub mod device;
pub mod factor;
pub mod flow;
pub mod held;
pub mod history;
pub mod office;
pub mod session;
pub mod shop_name;
pub mod shop_session;
pub mod sms_count;
pub mod staff_act;
pub mod told;
pub mod wait;

/// Every statement of this crate, for the test that prepares them on both engines.
pub const STATEMENTS: &[&[&str]] = &[
    account::STATEMENTS,
    activity::STATEMENTS,
    bound::STATEMENTS,
    closing::STATEMENTS,
    device::STATEMENTS,
    factor::STATEMENTS,
    flow::STATEMENTS,
    held::STATEMENTS,
    history::STATEMENTS,
    office::STATEMENTS,
    session::STATEMENTS,
    shop_name::STATEMENTS,
    shop_session::STATEMENTS,
    sms_count::STATEMENTS,
    staff_act::STATEMENTS,
    told::STATEMENTS,
    wait::STATEMENTS,
];
