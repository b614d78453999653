//! The words in which a question is put: who, what for, under which circumstances, about what.

/// A role of staff: the console's group of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Owner,
    Support,
    Fulfilment,
    Accountant,
    Marketing,
}

impl Role {
    pub const ALL: [Role; 5] =
        [Role::Owner, Role::Support, Role::Fulfilment, Role::Accountant, Role::Marketing];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Support => "support",
            Role::Fulfilment => "fulfilment",
            Role::Accountant => "accountant",
            Role::Marketing => "marketing",
        }
    }
}

/// What data is opened for. Each opening names one, and it stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    Support,
    Shipping,
    Invoicing,
    Dispute,
    RightsRequest,
    LegalClaim,
    Marketing,
    /// A customer looks at what is kept of themselves.
    OwnData,
}

impl Purpose {
    pub const ALL: [Purpose; 8] = [
        Purpose::Support,
        Purpose::Shipping,
        Purpose::Invoicing,
        Purpose::Dispute,
        Purpose::RightsRequest,
        Purpose::LegalClaim,
        Purpose::Marketing,
        Purpose::OwnData,
    ];

    /// Those that staff choose from.
    pub const OF_STAFF: [Purpose; 7] = [
        Purpose::Support,
        Purpose::Shipping,
        Purpose::Invoicing,
        Purpose::Dispute,
        Purpose::RightsRequest,
        Purpose::LegalClaim,
        Purpose::Marketing,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Purpose::Support => "support",
            Purpose::Shipping => "shipping",
            Purpose::Invoicing => "invoicing",
            Purpose::Dispute => "dispute",
            Purpose::RightsRequest => "rights_request",
            Purpose::LegalClaim => "legal_claim",
            Purpose::Marketing => "marketing",
            Purpose::OwnData => "own_data",
        }
    }

    /// For people to choose by.
    pub const fn words(self) -> &'static str {
        match self {
            Purpose::Support => "Answer the customer",
            Purpose::Shipping => "Pack and send an order",
            Purpose::Invoicing => "Invoices and accounts",
            Purpose::Dispute => "A dispute or suspected fraud",
            Purpose::RightsRequest => "A request of the customer about their data",
            Purpose::LegalClaim => "A legal claim",
            Purpose::Marketing => "Marketing the customer agreed to",
            Purpose::OwnData => "The customer's own look",
        }
    }

    pub fn of_name(name: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// Customers whose data one member of staff opens within an hour at most; the guard `guard_volume` says the same.
pub const VOLUME_LIMIT: u64 = 200;

/// Who asks, by an id that says nothing of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// With the names of the groups they are in; those that are no role count for nothing.
    Staff {
        id: String,
        groups: Vec<String>,
    },
    Customer {
        id: String,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Open,
    Export,
    Find,
    /// Keep what a customer gave the shop, as the shop's own system does.
    Write,
    Correct,
    /// To take a customer's requests down, extend and close them.
    Answer,
    Erase,
    Restrict,
    /// To let somebody else see what the rules keep from them.
    Approve,
    /// To see it at once, in an emergency.
    BreakGlass,
}

impl Act {
    pub const fn name(self) -> &'static str {
        match self {
            Act::Open => "open",
            Act::Export => "export",
            Act::Find => "find",
            Act::Write => "write",
            Act::Correct => "correct",
            Act::Answer => "answer",
            Act::Erase => "erase",
            Act::Restrict => "restrict",
            Act::Approve => "approve",
            Act::BreakGlass => "break_glass",
        }
    }
}

/// About what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing<'a> {
    /// For [`Act::Open`], [`Act::Export`] and [`Act::Correct`].
    Field { class: &'a str, name: &'a str },
    /// All that is kept of a customer: for the other acts.
    Record,
}

/// Whether somebody was let see one field of one customer for one purpose, for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grant {
    #[default]
    None,
    /// By a second person.
    Approved,
    /// By themselves, in an emergency: a second person looks into it afterwards.
    BreakGlass,
}

impl Grant {
    pub const fn name(self) -> &'static str {
        match self {
            Grant::None => "none",
            Grant::Approved => "approved",
            Grant::BreakGlass => "break_glass",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    pub purpose: Purpose,
    /// Seconds since a second factor was shown; `None`: never.
    pub factor_age_seconds: Option<u64>,
    /// Whether an order of this customer was named.
    pub is_assigned: bool,
    /// Customers whose data the same person opened within an hour.
    pub opened_lately: u64,
    /// Purposes that the customer agreed to.
    pub consents: Vec<String>,
    /// Purposes that the customer objects to (GDPR article 21).
    pub objections: Vec<String>,
    pub is_restricted: bool,
    pub grant: Grant,
}

impl Circumstances {
    /// Somebody who showed a second factor so many seconds ago, and nothing else that would change the answer.
    pub fn new(purpose: Purpose, factor_age_seconds: Option<u64>) -> Self {
        Circumstances {
            purpose,
            factor_age_seconds,
            is_assigned: false,
            opened_lately: 0,
            consents: Vec::new(),
            objections: Vec::new(),
            is_restricted: false,
            grant: Grant::None,
        }
    }
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub who: &'a Who,
    pub act: Act,
    /// Whose data it is.
    pub owner: &'a str,
    pub thing: Thing<'a>,
    pub circumstances: &'a Circumstances,
}
