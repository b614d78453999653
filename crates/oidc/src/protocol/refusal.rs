//! What a client is told when it is refused: the codes of RFC 6749, RFC 6750 and OpenID Connect Core, and words that lead to the
//! mistake. Never a word of what was sent.

/// A refusal that goes back to the client by the browser (RFC 6749 section 4.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    pub error: &'static str,
    pub description: &'static str,
}

impl Back {
    pub const fn new(error: &'static str, description: &'static str) -> Self {
        Back { error, description }
    }
}

/// Why a request leads nowhere: the person is told, and nobody else, since the address to go back to is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// It is no request.
    Form,
    UnknownClient,
    /// The address is not one of the client's.
    RedirectUri,
    /// What was kept of it cannot be read any more.
    Over,
}

impl Here {
    /// Stable, for the support desk.
    pub const fn code(self) -> &'static str {
        match self {
            Here::Form => "oidc.request",
            Here::UnknownClient => "oidc.unknown_client",
            Here::RedirectUri => "oidc.redirect_uri",
            Here::Over => "oidc.over",
        }
    }
}

/// A refusal of one of the endpoints for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub error: &'static str,
    pub description: &'static str,
    pub challenge: Challenge,
}

/// What the answer asks for: by `WWW-Authenticate`, or by `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    None,
    /// So many seconds of patience.
    After(u64),
    Basic,
    Bearer,
    /// Bearer without an error: nothing was shown at all (RFC 6750 section 3.1).
    BareBearer,
}

impl Refused {
    pub const fn new(error: &'static str, description: &'static str) -> Self {
        Refused { status: 400, error, description, challenge: Challenge::None }
    }

    pub const fn invalid_request(description: &'static str) -> Self {
        Refused::new("invalid_request", description)
    }

    pub const fn invalid_grant(description: &'static str) -> Self {
        Refused::new("invalid_grant", description)
    }

    /// Who calls did not show that they are the client (RFC 6749 section 5.2).
    pub const fn invalid_client(description: &'static str) -> Self {
        Refused { status: 401, error: "invalid_client", description, challenge: Challenge::Basic }
    }

    pub const fn too_often(seconds: u64) -> Self {
        Refused {
            status: 429,
            error: "temporarily_unavailable",
            description: "too many failures from this address; wait",
            challenge: Challenge::After(seconds),
        }
    }

    pub const fn invalid_token() -> Self {
        Refused {
            status: 401,
            error: "invalid_token",
            description: "the token is not good, or not any more",
            challenge: Challenge::Bearer,
        }
    }

    pub const fn no_token() -> Self {
        Refused { status: 401, error: "", description: "", challenge: Challenge::BareBearer }
    }
}
