//! The rules in force, and the one place where they are evaluated.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};

use miette::Diagnostic;

use crate::answer::{Answer, Mask, Refusal};
use crate::error::{Fault, line_of};
use crate::reading::Reading;
use crate::words::{Asked, Thing, Who};

const SCHEMA: &str = include_str!("rules/schema.cedarschema");
const GUARDS: &str = include_str!("rules/guards.cedar");
const DEFAULT: &str = include_str!("rules/default.cedar");

/// Cedar's time grows with the number of rules (about 0.6 µs for each, reference 4): a shop has a few dozen.
const MOST_RULES: usize = 200;
const MOST_BYTES: usize = 256 * 1024;

/// The guard about a factor's age.
const FACTOR: &str = "guard_factor";

/// Reasons that guards may name. A code is part of the ledger's words, so it is one of ours.
const REASONS: [&str; 8] = [
    "not_own",
    "purpose",
    "factor_too_old",
    "restricted",
    "too_many",
    "no_consent",
    "objected",
    "owner_only",
];
/// Said where nothing allows it.
const NO_RULE: &str = "no_rule";
/// Said where a rule of the shop forbids it.
const FORBIDDEN: &str = "forbidden";
/// Said where a rule could not be evaluated.
const BROKEN: &str = "rule_broken";

/// One rule, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    /// What it says, in words.
    pub says: String,
    pub allows: bool,
    mask: Mask,
    reason: &'static str,
}

/// A rule that the table of who sees what cannot show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untold {
    pub id: String,
    /// Who may what by it, and what it goes by, from the rule itself: what its author says of it may be anything.
    pub words: String,
}

/// The rules in force. Building them costs a few milliseconds; a decision some microseconds.
pub struct Policies {
    set: PolicySet,
    /// Without [`FACTOR`].
    within_session: PolicySet,
    /// The guards alone: by them a customer's question about themselves is decided, so that no rule of a shop takes a right away.
    guards: PolicySet,
    schema: Schema,
    authorizer: Authorizer,
    rules: BTreeMap<String, Rule>,
    /// What stands in the shop's rules, by their names.
    readings: BTreeMap<String, Reading>,
    text: String,
}

impl Policies {
    /// The guards and the rules that a shop begins with.
    pub fn default_rules() -> Self {
        Policies::parse(DEFAULT).expect("a test parses the rules that are built in")
    }

    /// The guards, and of the rules that a shop begins with those about the owner alone: what holds while nobody can tell which
    /// rules the shop has.
    pub fn owner_only() -> Self {
        let mut policies = Policies::default_rules();
        let others = |rule: &&Rule| rule.allows && !rule.id.starts_with("owner_");
        let others: Vec<String> =
            policies.rules.values().filter(others).map(|rule| rule.id.clone()).collect();
        for id in others {
            policies.rules.remove(&id);
            policies.readings.remove(&id);
            for set in [&mut policies.set, &mut policies.within_session] {
                set.remove_static(PolicyId::new(&id)).expect("each rule stands in both sets by its name");
            }
        }
        policies.text.clear();
        policies
    }

    /// The guards and a shop's own rules in the place of those that it begins with.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > MOST_BYTES {
            return Err(Fault::whole(format!("longer than {MOST_BYTES} bytes")));
        }
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("a test parses the schema");
        let mut set = PolicySet::new();
        let mut rules = BTreeMap::new();
        take(GUARDS, Source::Guards, &mut set, &mut rules)?;
        let guards = set.clone();
        let of_shop = |policy: &Policy| guards.policy(policy.id()).is_none();
        take(text, Source::Shop, &mut set, &mut rules)?;
        if rules.len() > MOST_RULES {
            return Err(Fault::whole(format!("more than {MOST_RULES} rules")));
        }
        let found = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        if let Some(first) = found.validation_errors().next() {
            let line = line(text, first).or_else(|| line_of_rule(text, first.policy_id().as_ref()));
            let faults: Vec<String> = found.validation_errors().take(5).map(|why| format!("{why}")).collect();
            return Err(Fault::at(line, faults.join("; ")));
        }
        let mut readings = BTreeMap::new();
        for policy in set.policies().filter(|policy| of_shop(policy)) {
            let text = policy.to_json().map_err(|why| Fault::whole(why.to_string()))?;
            readings.insert(policy.id().to_string(), Reading::of(&text));
        }
        let mut within_session = set.clone();
        within_session.remove_static(PolicyId::new(FACTOR)).expect("a test finds it among the guards");
        let (authorizer, text) = (Authorizer::new(), text.to_owned());
        Ok(Policies { set, within_session, guards, schema, authorizer, rules, readings, text })
    }

    /// Refuses a shop's rule over a field, a class or a purpose that there is none of: one that forbids it forbids nothing. `text` is what
    /// the rules were read from.
    pub fn check_names(&self, text: &str, fields: &[(&str, &str)]) -> Result<(), Fault> {
        let is_field =
            |full: &str| fields.iter().any(|(class, name)| full.split_once('.') == Some((class, name)));
        let is_class = |known: &str| fields.iter().any(|(class, _)| *class == known);
        for (id, reading) in &self.readings {
            let field =
                reading.named("Field").find(|name| !is_field(name)).map(|name| format!("no field {name:?}"));
            let class =
                reading.named("Class").find(|name| !is_class(name)).map(|name| format!("no class {name:?}"));
            let purpose = reading.strange_texts().next().map(|text| format!("no purpose {text:?}"));
            if let Some(none) = field.or(class).or(purpose) {
                return Err(Fault::at(line_of_rule(text, id), format!("{id}: there is {none}")));
            }
        }
        Ok(())
    }

    /// The groups of staff that a shop's rules name.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.readings.values().flat_map(|reading| reading.named("Role"))
    }

    /// The shop's rules that the table cannot show.
    pub fn untold(&self) -> Vec<Untold> {
        let all = self.readings.iter().filter(|(_, reading)| !reading.beyond.is_empty());
        all.map(|(id, reading)| Untold { id: id.clone(), words: self.words(id, reading) }).collect()
    }

    fn words(&self, id: &str, reading: &Reading) -> String {
        let list = |words: &mut dyn Iterator<Item = String>| words.collect::<Vec<_>>().join(", ");
        let people = list(&mut reading.named("Staff").map(|name| format!("Staff {name:?}")));
        let groups = list(&mut reading.named("Role").map(|name| format!("the group {name:?}")));
        let who = match (people.is_empty(), groups.is_empty()) {
            (true, true) => "staff".to_owned(),
            (false, true) => people,
            (true, false) => groups,
            (false, false) => format!("{people}, {groups}"),
        };
        let acts = list(&mut reading.acts.iter().cloned());
        let acts = if acts.is_empty() { "do everything".to_owned() } else { acts };
        let may = match self.rules.get(id) {
            Some(rule) if !rule.allows => "may not",
            _ => "may",
        };
        let beyond = list(&mut reading.beyond.iter().map(|one| one.replace('_', " ")));
        format!("{who} {may} {acts}; it goes by {beyond}")
    }

    /// The acts that rules are about which are not the same in others; nothing where one is about every act.
    pub(crate) fn acts_that_differ<'a>(&'a self, others: &'a Policies) -> Option<BTreeSet<&'a str>> {
        let mut acts = BTreeSet::new();
        for (one, other) in [(self, others), (others, self)] {
            let differs = |id: &&String| one.text_of(id) != other.text_of(id);
            for id in one.readings.keys().filter(differs) {
                let of_rule = &one.readings.get(id)?.acts;
                if of_rule.is_empty() {
                    return None;
                }
                acts.extend(of_rule.iter().map(String::as_str));
            }
        }
        Some(acts)
    }

    /// The rule as it stands, to tell whether it is the same in other rules.
    pub(crate) fn text_of(&self, id: &str) -> Option<String> {
        self.set.policy(&PolicyId::new(id)).map(ToString::to_string)
    }

    /// The text of the rules that a shop begins with, to write its own from.
    pub const fn default_text() -> &'static str {
        DEFAULT
    }

    /// What they were read from, without the guards.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All rules by their names.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// What a rule says in words; for one that is in force no more, nothing.
    pub fn says(&self, id: &str) -> Option<&str> {
        self.rules.get(id).map(|rule| rule.says.as_str())
    }

    /// Decides one question. It neither waits nor fails: what cannot be told is refused.
    pub fn decide(&self, asked: &Asked<'_>) -> Answer {
        self.answer(asked, &self.set)
    }

    /// Decides it for pages that are open all day long, behind a session of their own with an end: everything holds but that the factor
    /// was shown within ten minutes. The factor's age is told as it is, for rules of the shop that go by it.
    pub fn decide_within_session(&self, asked: &Asked<'_>) -> Answer {
        self.answer(asked, &self.within_session)
    }

    fn answer(&self, asked: &Asked<'_>, set: &PolicySet) -> Answer {
        let Some((request, entities)) = self.put(asked) else {
            return Answer::Deny(Refusal { reason: BROKEN, rules: Vec::new() });
        };
        let set = match asked.who {
            Who::Customer { .. } => &self.guards,
            Who::Staff { .. } => set,
        };
        let response = self.authorizer.is_authorized(&request, set, &entities);
        // Cedar skips a rule that fails; skipping one that forbids would allow.
        if response.diagnostics().errors().next().is_some() {
            return Answer::Deny(Refusal { reason: BROKEN, rules: Vec::new() });
        }
        let mut rules: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        rules.sort_unstable();
        let known = || rules.iter().filter_map(|id| self.rules.get(id));
        match response.decision() {
            Decision::Allow => {
                let mask = known().map(|rule| rule.mask).max().unwrap_or(Mask::Hidden);
                // Rules that show less than what is shown did not decide.
                rules = known().filter(|rule| rule.mask == mask).map(|rule| rule.id.clone()).collect();
                Answer::Allow { mask, rules }
            }
            Decision::Deny => {
                let reason = known().next().map_or(NO_RULE, |rule| rule.reason);
                Answer::Deny(Refusal { reason, rules })
            }
        }
    }

    /// The question in Cedar's words; `None` where a word does not fit, which only a fault of ours would make.
    fn put(&self, asked: &Asked<'_>) -> Option<(Request, Entities)> {
        let owner = uid("Customer", asked.owner)?;
        let (principal, mut entities) = principal(asked.who)?;
        let attributes =
            HashMap::from([("owner".to_owned(), RestrictedExpression::new_entity_uid(owner.clone()))]);
        let (resource, parents) = match asked.thing {
            Thing::Field { class, name } => {
                let class_uid = uid("Class", class)?;
                entities.push(Entity::new_no_attrs(class_uid.clone(), HashSet::new()));
                (uid("Field", &format!("{class}.{name}"))?, HashSet::from([class_uid]))
            }
            Thing::Record => (uid("Record", asked.owner)?, HashSet::new()),
        };
        entities.push(Entity::new(resource.clone(), attributes, parents).ok()?);
        if principal != owner {
            entities.push(Entity::new_no_attrs(owner, HashSet::new()));
        }
        let entities = Entities::from_entities(entities, Some(&self.schema)).ok()?;
        let action = uid("Action", asked.act.name())?;
        let request = Request::new(principal, action, resource, context(asked)?, Some(&self.schema)).ok()?;
        Some((request, entities))
    }
}

fn principal(who: &Who) -> Option<(EntityUid, Vec<Entity>)> {
    let (principal, parents) = match who {
        Who::Staff { id, groups } => {
            let roles: Option<HashSet<EntityUid>> = groups.iter().map(|name| uid("Role", name)).collect();
            (uid("Staff", id)?, roles?)
        }
        Who::Customer { id } => (uid("Customer", id)?, HashSet::new()),
    };
    let mut entities: Vec<Entity> =
        parents.iter().map(|role| Entity::new_no_attrs(role.clone(), HashSet::new())).collect();
    entities.push(Entity::new_no_attrs(principal.clone(), parents));
    Some((principal, entities))
}

fn context(asked: &Asked<'_>) -> Option<Context> {
    let told = asked.circumstances;
    let long = |number: u64| RestrictedExpression::new_long(i64::try_from(number).unwrap_or(i64::MAX));
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let pairs = [
        ("purpose", text(told.purpose.name())),
        ("factor_age", long(told.factor_age_seconds.unwrap_or(u64::MAX))),
        ("assigned", RestrictedExpression::new_bool(told.is_assigned)),
        ("opened_lately", long(told.opened_lately)),
        ("consents", RestrictedExpression::new_set(told.consents.iter().map(|one| text(one)))),
        ("objections", RestrictedExpression::new_set(told.objections.iter().map(|one| text(one)))),
        ("grant", text(told.grant.name())),
        ("restricted", RestrictedExpression::new_bool(told.is_restricted)),
    ];
    Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value))).ok()
}

fn uid(kind: &str, id: &str) -> Option<EntityUid> {
    let kind: EntityTypeName = kind.parse().ok()?;
    Some(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

/// Whose rules a text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Guards,
    Shop,
}

fn take(
    text: &str,
    source: Source,
    set: &mut PolicySet,
    rules: &mut BTreeMap<String, Rule>,
) -> Result<(), Fault> {
    let parsed: PolicySet = text
        .parse()
        .map_err(|why: cedar_policy::ParseErrors| Fault::at(line(text, &why), format!("{why}")))?;
    if parsed.templates().next().is_some() {
        return Err(Fault::whole("templates (?principal, ?resource) are not taken"));
    }
    for policy in parsed.policies() {
        let named = policy.annotation("id").unwrap_or_default();
        let rule = read(policy, source).map_err(|why| Fault::at(line_of_rule(text, named), why))?;
        let id = rule.id.clone();
        set.add(policy.new_id(PolicyId::new(&id)))
            .map_err(|_| Fault::at(line_of_rule(text, &id), format!("two rules are called {id}")))?;
        rules.insert(id, rule);
    }
    Ok(())
}

/// Where Cedar sees a fault.
fn line(text: &str, fault: &dyn Diagnostic) -> Option<usize> {
    let first = fault.labels()?.next()?;
    Some(line_of(text, first.offset()))
}

/// Where the rule of this name begins; of two of one name, the second.
fn line_of_rule(text: &str, id: &str) -> Option<usize> {
    if id.is_empty() {
        return None;
    }
    text.rfind(&format!("@id(\"{id}\")")).map(|offset| line_of(text, offset))
}

/// What stands beside a rule: `@id`, `@says`, `@mask`, and a guard's `@reason`.
fn read(policy: &Policy, source: Source) -> Result<Rule, String> {
    let id = policy.annotation("id").unwrap_or_default().to_owned();
    let named = !id.is_empty()
        && id.len() <= 80
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !named {
        return Err(format!(
            "each rule needs a name of small letters, digits and _, such as @id(\"support_reads_notes\"); \
             one has {id:?}"
        ));
    }
    if id.starts_with("guard_") != (source == Source::Guards) {
        return Err(format!("{id}: names that begin with guard_ are kept for the guards"));
    }
    let says = policy.annotation("says").unwrap_or_default().chars().take(300).collect();
    let allows = policy.effect() == Effect::Permit;
    let mask = match policy.annotation("mask") {
        None => Mask::Whole,
        Some(name) if allows => {
            Mask::of_name(name).ok_or_else(|| format!("{id}: @mask is hidden, part or whole"))?
        }
        Some(_) => return Err(format!("{id}: a rule that forbids shows nothing, so it has no @mask")),
    };
    let reason = match policy.annotation("reason") {
        None => FORBIDDEN,
        Some(given) => REASONS
            .into_iter()
            .find(|known| *known == given)
            .ok_or_else(|| format!("{id}: @reason is one of {}", REASONS.join(", ")))?,
    };
    Ok(Rule { id, says, allows, mask, reason })
}
