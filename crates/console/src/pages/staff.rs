//! Staff: who there is, in which groups, and what one member may do to another.

use serde::Deserialize;
use storeward_base::StaffId;
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::next::confirm_link;
use super::view::{View, icons};
use crate::accounts::{ADMINS, Change, Changed, Groups, Member};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};

const HERE: &str = "/staff";
const TITLE: &str = "Staff";

#[derive(Template)]
#[template(path = "staff.html", askama = storeward_web::askama)]
struct StaffPage<'a> {
    csrf: &'a str,
    done: Option<&'static str>,
    fault: Option<&'static str>,
    members: Vec<MemberLine>,
    is_admin: bool,
    /// Where a second factor is shown first; nothing where one was shown just now.
    confirm: Option<String>,
    icons: &'static str,
}

struct MemberLine {
    id: String,
    name: String,
    email: String,
    groups: String,
    badge: Badge,
    seen: Option<Moment>,
    is_locked: bool,
    is_self: bool,
}

#[derive(Deserialize)]
pub struct Done {
    #[serde(default)]
    done: String,
}

#[derive(Deserialize)]
pub struct Fields {
    act: String,
    #[serde(default)]
    groups: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Done>,
) -> Result<Response, Failure> {
    let done = match asked.done.as_str() {
        "lock" => Some("They are locked, and signed out everywhere."),
        "unlock" => Some("They may sign in again."),
        "end" => Some("They are signed out everywhere: here and at the gates."),
        "groups" => Some("The groups are changed. It holds from the next request on."),
        "already" => Some("Nothing changed: it was so already."),
        _ => None,
    };
    let content = list(&app, &view, done, None).await?;
    view.page(TITLE, HERE, &content)
}

async fn list<'a>(
    app: &App,
    view: &'a View,
    done: Option<&'static str>,
    fault: Option<&'static str>,
) -> Result<StaffPage<'a>, Failure> {
    let own = view.visitor.staff;
    let members = app.accounts.members().await?;
    let is_admin = members.iter().any(|m| m.id == own && m.groups.iter().any(|group| group == ADMINS));
    Ok(StaffPage {
        csrf: view.csrf(),
        done,
        fault,
        members: members.into_iter().map(|member| line(member, own)).collect(),
        is_admin,
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(HERE)),
        icons: icons(),
    })
}

fn line(member: Member, own: StaffId) -> MemberLine {
    let badge = match (member.locked_at, member.reset_at, member.seen_at) {
        (Some(_), ..) => Badge::new(Level::Bad, "Locked"),
        (None, Some(_), _) => Badge::new(Level::Warn, "Has to enrol again"),
        (None, None, Some(_)) => Badge::new(Level::Ok, "Signed in"),
        (None, None, None) => Badge::new(Level::Plain, "Not here"),
    };
    MemberLine {
        id: member.id.to_string(),
        name: member.name,
        email: member.email,
        groups: member.groups.join(" "),
        badge,
        seen: member.seen_at.map(Moment),
        is_locked: member.locked_at.is_some(),
        is_self: member.id == own,
    }
}

pub async fn act(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let member: StaffId = id.parse().map_err(|_| Failure::from(Error::NoSuchMember))?;
    let change = match fields.act.as_str() {
        "lock" => Change::Lock,
        "unlock" => Change::Unlock,
        "end" => Change::EndSessions,
        "groups" => match Groups::parse(fields.groups.split([' ', ',']).filter(|name| !name.is_empty())) {
            Some(groups) => Change::Groups(groups),
            None => {
                let words = "Names of groups have 1 to 40 of a-z, 0-9 and -; one person is in at most 20.";
                let content = list(&app, &view, None, Some(words)).await?;
                return view.refused(TITLE, HERE, &content);
            }
        },
        _ => return Err(Failure::invalid("console.act", "The form does not fit this page.")),
    };
    let word = fields.act.as_str();
    let done = match app.accounts.change(view.visitor.staff, member, change).await? {
        Changed::Yes => word,
        Changed::WasSo => "already",
    };
    Ok(redirect(&format!("{HERE}?done={done}")))
}
