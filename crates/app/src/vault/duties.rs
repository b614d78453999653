//! `storeward vault asked|retention|sweep`: what customers asked for, and for how long values are kept.

use storeward_base::Actor;
use storeward_vault::{Class, Due};

use super::Standing;
use crate::Done;
use crate::failure::{Context, Failure};
use crate::oidc::finished;

/// Requests that are not answered, the one that is due first at the top.
pub fn asked(standing: &Standing) -> Done<String> {
    let vault = &standing.vault;
    let (open, waiting) = finished(async {
        Ok::<_, storeward_vault::Error>((vault.open_pleas().await?, vault.pleas_waiting().await?))
    })?
    .context("the requests")?;
    let mut out = vec![format!("{} wait, {} of them overdue", waiting.0, waiting.1)];
    out.extend(
        open.iter().map(|plea| {
            format!("due {} {} {} of {}", plea.due_at, plea.id, plea.right.name(), plea.customer)
        }),
    );
    Ok(out.join("\n"))
}

pub fn retention(standing: &Standing, class: Option<&str>, days: Option<&str>) -> Done<String> {
    let vault = &standing.vault;
    if let Some(name) = class {
        let known = Class::ALL.into_iter().find(|class| class.name() == name);
        let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
        let class = known.ok_or_else(|| Failure::new(format!("the classes are {}", names.join(", "))))?;
        let days = match days {
            None => return Err(Failure::new("say for how many days, or `never`")),
            Some("never") => None,
            Some(days) => {
                Some(days.parse::<u32>().map_err(|_| Failure::new("days are a whole number, or `never`"))?)
            }
        };
        finished(vault.set_retention(Actor::Operator, class, days))?.context("the retention")?;
    }
    let set = finished(vault.retention())?.context("the retention")?;
    let line = |class: Class| match set.iter().find(|(known, _)| *known == class) {
        Some((_, days)) => format!("{}: {days} days", class.name()),
        None => format!("{}: until it is erased", class.name()),
    };
    Ok(Class::ALL.map(line).join("\n"))
}

/// What a sweep would erase.
pub fn due(standing: &Standing) -> Done<String> {
    let due: Due = finished(standing.vault.due())?.context("what is due")?;
    let mut out = vec![format!("{} values are due. Nothing was erased.", due.all())];
    out.extend(due.by_class.iter().map(|(class, count)| format!("  {}: {count}", class.name())));
    out.push(format!("  by a moment of their own: {}", due.by_own));
    Ok(out.join("\n"))
}

pub fn sweep(standing: &Standing) -> Done<String> {
    let count = finished(standing.vault.forget())?.context("the sweep")?;
    Ok(format!("{count} values erased"))
}
