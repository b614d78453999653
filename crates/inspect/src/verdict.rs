//! What the engine answers: verdicts, matches, categories and severities.

use std::fmt;
use std::sync::Arc;

/// What should happen to the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// Weak signs of a machine: let a person prove otherwise.
    Challenge,
    Block(Reason),
}

impl Verdict {
    pub fn is_block(&self) -> bool {
        matches!(self, Verdict::Block(_))
    }
}

/// Why an exchange was blocked: the gravest match, and the sum of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub rule_id: u32,
    pub category: Category,
    pub variable: String,
    /// Masked, as in [`RuleMatch::matched`].
    pub matched: String,
    /// The transaction's score.
    pub score: u32,
}

/// One rule that matched one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMatch {
    pub rule_id: u32,
    pub category: Category,
    pub severity: Severity,
    /// What this match added to the score; 0 for a rule that only reports, or that had counted already.
    pub score: u32,
    /// Where: `ARGS:q`, `REQUEST_HEADERS:user-agent`, ...
    pub variable: String,
    /// The attack's shape, never a person's data (see the `mask` module).
    pub matched: String,
    pub message: Arc<str>,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    SqlInjection,
    CrossSiteScripting,
    PathTraversal,
    SensitiveFile,
    CommandInjection,
    TemplateInjection,
    PhpInjection,
    JavaInjection,
    ServerSideRequestForgery,
    NoSqlInjection,
    PrototypePollution,
    LdapInjection,
    XmlInjection,
    Scanner,
    Protocol,
    Upload,
    Leak,
    CardNumber,
}

impl Category {
    /// Every category, in the order of the rule files.
    pub const ALL: [Category; 18] = [
        Category::SqlInjection,
        Category::CrossSiteScripting,
        Category::PathTraversal,
        Category::SensitiveFile,
        Category::CommandInjection,
        Category::TemplateInjection,
        Category::PhpInjection,
        Category::JavaInjection,
        Category::ServerSideRequestForgery,
        Category::NoSqlInjection,
        Category::PrototypePollution,
        Category::LdapInjection,
        Category::XmlInjection,
        Category::Scanner,
        Category::Protocol,
        Category::Upload,
        Category::Leak,
        Category::CardNumber,
    ];

    /// The stable code, as configuration and events spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::SqlInjection => "sql_injection",
            Category::CrossSiteScripting => "cross_site_scripting",
            Category::PathTraversal => "path_traversal",
            Category::SensitiveFile => "sensitive_file",
            Category::CommandInjection => "command_injection",
            Category::TemplateInjection => "template_injection",
            Category::PhpInjection => "php_injection",
            Category::JavaInjection => "java_injection",
            Category::ServerSideRequestForgery => "server_side_request_forgery",
            Category::NoSqlInjection => "nosql_injection",
            Category::PrototypePollution => "prototype_pollution",
            Category::LdapInjection => "ldap_injection",
            Category::XmlInjection => "xml_injection",
            Category::Scanner => "scanner",
            Category::Protocol => "protocol",
            Category::Upload => "upload",
            Category::Leak => "leak",
            Category::CardNumber => "card_number",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Category {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Category, UnknownWord> {
        Category::ALL
            .into_iter()
            .find(|category| category.as_str() == text)
            .ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A word of configuration that stands for nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord(pub String);

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown word {:?}", self.0)
    }
}

impl std::error::Error for UnknownWord {}

/// How grave a match is; the scores are those of the OWASP Core Rule Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Notice,
    Warning,
    Error,
    Critical,
}

impl Severity {
    /// Anomaly score: 2, 3, 4, 5.
    pub fn score(self) -> u32 {
        match self {
            Severity::Notice => 2,
            Severity::Warning => 3,
            Severity::Error => 4,
            Severity::Critical => 5,
        }
    }
}
