//! The rules that come with Storeward, written by us. Ids are below 100,000, the range that SecLang leaves to a site's
//! own rules, so that they never clash with the Core Rule Set.

pub(crate) mod card;
mod command;
mod files;
mod leak;
mod markup;
pub(crate) mod protocol;
mod scanner;
mod script;
mod sql;

use std::borrow::Cow;

use crate::rule::{
    Action, Collection, Condition, Operator, Phase, Rule, SecretFields, Selector, Transformation, Variable,
};
use crate::verdict::{Category, Severity};

/// Every rule of our own.
pub(crate) fn own() -> Vec<Rule> {
    let families = [
        sql::rules(),
        markup::rules(),
        files::rules(),
        command::rules(),
        script::rules(),
        scanner::rules(),
        protocol::rules(),
        leak::rules(),
        card::rules(),
    ];
    families.into_iter().flatten().collect()
}

use Collection as C;
use Transformation as T;

/// Values that people and programs write freely.
const ARGUMENTS: &[C] = &[C::ArgsGet, C::ArgsPost, C::RequestBody, C::Xml, C::XmlAttributes];
const NAMES: &[C] = &[C::ArgsGetNames, C::ArgsPostNames];
/// Arguments, names, cookies, free header fields and the path.
const TEXT: &[C] = &[
    C::ArgsGet,
    C::ArgsPost,
    C::ArgsGetNames,
    C::ArgsPostNames,
    C::RequestBody,
    C::Xml,
    C::XmlAttributes,
    C::RequestCookies,
    C::RequestCookiesNames,
    C::RequestHeaders,
    C::RequestFilename,
    C::Files,
];

/// Fields whose syntax is fixed, or that are inspected in parts of their own.
const FIXED_FIELDS: [&str; 18] = [
    "cookie",
    "authorization",
    "accept-encoding",
    "accept-charset",
    "if-modified-since",
    "if-unmodified-since",
    "content-type",
    "content-length",
    "connection",
    "cache-control",
    "pragma",
    "te",
    "upgrade",
    "etag",
    "date",
    "traceparent",
    "tracestate",
    "baggage",
];
const FIXED_PREFIXES: [&str; 2] = ["sec-", "stripe-"];

/// Undoes what attackers wrap text in, most common first.
const DECODED: &[T] =
    &[T::PercentDecode, T::HtmlEntityDecode, T::JsDecode, T::FoldConfusables, T::RemoveNulls];
const UNCOMMENTED: &[T] = &[
    T::PercentDecode,
    T::HtmlEntityDecode,
    T::JsDecode,
    T::FoldConfusables,
    T::RemoveNulls,
    T::ReplaceComments,
    T::CompressWhitespace,
];
const SHELL: &[T] = &[
    T::PercentDecode,
    T::HtmlEntityDecode,
    T::JsDecode,
    T::FoldConfusables,
    T::RemoveNulls,
    T::RemoveShellQuotes,
];
const PATH: &[T] = &[T::PercentDecode, T::FoldConfusables, T::RemoveNulls];
const NORMAL_PATH: &[T] = &[T::PercentDecode, T::FoldConfusables, T::RemoveNulls, T::NormalizePath];

fn rule(id: u32, category: Category, message: &'static str, operator: Operator) -> Rule {
    Rule {
        id,
        phase: Phase::RequestHead,
        category,
        severity: Severity::Critical,
        action: Action::Score,
        secret_fields: SecretFields::Inspect,
        message: Cow::Borrowed(message),
        condition: Condition {
            variables: TEXT.iter().map(|collection| Variable::all(*collection)).collect(),
            exclusions: fixed_fields(),
            transformations: DECODED.to_vec(),
            operator,
            negated: false,
        },
        chain: Vec::new(),
    }
}

fn rx(id: u32, category: Category, message: &'static str, pattern: &'static str) -> Rule {
    rule(id, category, message, Operator::Rx(Cow::Borrowed(pattern)))
}

fn phrases(list: &[&'static str]) -> Operator {
    Operator::Phrases(list.iter().map(|phrase| Cow::Borrowed(*phrase)).collect())
}

fn fixed_fields() -> Vec<Variable> {
    let names = FIXED_FIELDS.iter().map(|name| Variable::named(C::RequestHeaders, *name));
    let prefixes = FIXED_PREFIXES.iter().map(|prefix| Variable {
        collection: C::RequestHeaders,
        selector: Selector::Prefix(Cow::Borrowed(*prefix)),
    });
    names.chain(prefixes).collect()
}

impl Rule {
    fn on(mut self, collections: &[Collection]) -> Rule {
        self.condition.variables = collections.iter().map(|collection| Variable::all(*collection)).collect();
        self
    }

    fn also_on(mut self, collections: &[Collection]) -> Rule {
        self.condition.variables.extend(collections.iter().map(|collection| Variable::all(*collection)));
        self
    }

    fn not_on(mut self, collection: Collection) -> Rule {
        self.condition.variables.retain(|variable| variable.collection != collection);
        self
    }

    fn on_header(mut self, names: &[&'static str]) -> Rule {
        self.condition.variables =
            names.iter().map(|name| Variable::named(C::RequestHeaders, *name)).collect();
        self.condition.exclusions = Vec::new();
        self
    }

    fn on_every_header(mut self) -> Rule {
        self.condition.exclusions = Vec::new();
        self
    }

    fn through(mut self, transformations: &[Transformation]) -> Rule {
        self.condition.transformations = transformations.to_vec();
        self
    }

    fn severity(mut self, severity: Severity) -> Rule {
        self.severity = severity;
        self
    }

    fn action(mut self, action: Action) -> Rule {
        self.action = action;
        self
    }

    fn phase(mut self, phase: Phase) -> Rule {
        self.phase = phase;
        self
    }

    fn not_in_passwords(mut self) -> Rule {
        self.secret_fields = SecretFields::Skip;
        self
    }

    fn and(mut self, collections: &[Collection], operator: Operator) -> Rule {
        self.chain.push(Condition {
            variables: collections.iter().map(|collection| Variable::all(*collection)).collect(),
            exclusions: Vec::new(),
            transformations: Vec::new(),
            operator,
            negated: false,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn own_rules_compile_and_keep_to_their_range() {
        let engine = crate::Engine::with_own_rules().unwrap();
        assert!(engine.rules().len() > 60);
        assert!(engine.rules().iter().all(|rule| (10_000..100_000).contains(&rule.id)));
    }
}
