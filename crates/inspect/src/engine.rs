//! The compiled rules, shared by all transactions.

use std::collections::HashSet;

use crate::compile::Side;
use crate::known::Known;
use crate::policy::Policy;
use crate::rule::{LoadError, Phase, Rule, RuleInfo};
use crate::transaction::Transaction;

/// Compiled rules; built once, then read by every core.
pub struct Engine {
    pub(crate) request: Side,
    pub(crate) response: Side,
    infos: Vec<RuleInfo>,
}

impl Engine {
    /// The rules that come with Storeward.
    pub fn with_own_rules() -> Result<Engine, LoadError> {
        Engine::new(crate::rules::own())
    }

    /// Compiles `rules`; they run in the order given.
    pub fn new(rules: Vec<Rule>) -> Result<Engine, LoadError> {
        let mut ids = HashSet::new();
        if let Some(rule) = rules.iter().find(|rule| !ids.insert(rule.id)) {
            return Err(LoadError::RepeatedId(rule.id));
        }
        let (request, response): (Vec<Rule>, Vec<Rule>) =
            rules.into_iter().partition(|rule| rule.phase <= Phase::RequestBody);
        let request = Side::compile(request, Phase::RequestBody)?;
        let response = Side::compile(response, Phase::ResponseBody)?;
        let infos = request.rules.iter().chain(&response.rules).map(|rule| rule.info.clone()).collect();
        Ok(Engine { request, response, infos })
    }

    /// Every rule, request side first.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// Begins the inspection of one exchange under its route's policy.
    pub fn transaction<'e>(&'e self, policy: &'e Policy) -> Transaction<'e> {
        Transaction::new(self, policy, None)
    }

    /// As [`Engine::transaction`]; passes quickly over what `known` remembers from other exchanges. One memory serves
    /// one engine only.
    pub fn transaction_with<'e>(&'e self, policy: &'e Policy, known: &'e Known) -> Transaction<'e> {
        Transaction::new(self, policy, Some(known))
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("rules", &self.infos.len()).finish_non_exhaustive()
    }
}
