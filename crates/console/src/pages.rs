//! The console's pages and the one list of its routes.

mod adapter;
mod apps;
mod backups;
mod blocked;
mod customers;
mod data;
mod enrol;
mod explore;
mod guidance;
mod health;
mod ledger;
mod meter;
pub mod next;
mod now;
mod pass;
mod password;
mod payments;
mod request;
mod review;
mod scripts;
mod sign_in;
mod staff;
mod view;
mod you;

use storeward_web::{Access, Routes};

use crate::app::App;
use crate::gate::{Need, StaffGate};

const STAFF: Access<Need> = Access::Only(Need::Staff);
const FRESH: Access<Need> = Access::Only(Need::FreshStaff);
const WATCHING: Access<Need> = Access::Only(Need::StaffWatching);

/// Every route of the console.
pub fn routes(routes: Routes<App, StaffGate>) -> Routes<App, StaffGate> {
    of_paying(of_data(routes))
        .get("/", STAFF, now::page)
        .get("/now/state", WATCHING, now::state)
        .get("/live", WATCHING, now::live)
        .get("/explore", STAFF, explore::page)
        .post("/explore/views", STAFF, explore::save_view)
        .post("/explore/views/delete", STAFF, explore::delete_view)
        .get("/requests/{id}", STAFF, request::page)
        .get("/blocked", STAFF, blocked::page)
        .get("/blocked/find", STAFF, blocked::find)
        .get("/blocked/ban", FRESH, blocked::ban_form)
        .post("/blocked/ban", FRESH, blocked::ban)
        .get("/blocked/lift", FRESH, blocked::lift_form)
        .post("/blocked/lift", FRESH, blocked::lift)
        .get("/customers", STAFF, customers::page)
        .post("/customers/find", STAFF, customers::find)
        .get("/customers/{id}", STAFF, customers::account)
        .post("/customers/{id}/act", FRESH, customers::act)
        .get("/guidance", STAFF, guidance::page)
        .post("/guidance/reports/{id}/close", STAFF, guidance::close)
        .get("/ledger", STAFF, ledger::page)
        .get("/backups", STAFF, backups::page)
        .post("/backups/release", FRESH, backups::release)
        .get("/you", STAFF, you::page)
        .post("/you/sessions/end", FRESH, you::end_session)
        .post("/you/sessions/end-others", FRESH, you::end_others)
        .get("/you/password", FRESH, password::page)
        .post("/you/password", FRESH, password::change)
        .post("/you/password/meter", STAFF, meter::change)
        .get("/you/passkey", FRESH, you::passkey)
        .post("/you/passkey", FRESH, you::add_passkey)
        .post("/you/passkey/options", FRESH, you::passkey_options)
        .post("/you/passkey/remove", FRESH, you::remove_passkey)
        .get("/confirm", STAFF, you::confirm)
        .post("/confirm", STAFF, you::confirm_now)
        .post("/confirm/passkey-options", STAFF, you::confirm_options)
        .get("/staff", STAFF, staff::page)
        .post("/staff/{id}/act", FRESH, staff::act)
        .get("/apps", STAFF, apps::list)
        .get("/apps/new/{preset}", FRESH, apps::new_form)
        .post("/apps/new/{preset}", FRESH, apps::add)
        .get("/apps/{id}", STAFF, apps::show)
        .post("/apps/{id}/act", FRESH, apps::act)
        .get("/adapter", STAFF, adapter::page)
        .get("/adapter/state", WATCHING, adapter::state)
        .post("/adapter/begin", FRESH, adapter::begin)
        .post("/adapter/end", STAFF, adapter::end)
        .get("/adapter/arrive", Access::Public("leads on; changes and tells nothing"), adapter::arrive)
        .get("/adapter/join/{browser}", STAFF, adapter::join_page)
        .post("/adapter/join/{browser}", FRESH, adapter::join)
        .get("/adapter/check", STAFF, adapter::check)
        .post("/adapter/try", FRESH, adapter::try_it)
        .post("/adapter/save", FRESH, adapter::save)
        .post("/adapter/withdraw", FRESH, adapter::withdraw)
        .get("/sign-in", Access::PublicForm("whoever wants to sign in"), sign_in::page)
        .post("/sign-in", Access::PublicForm("whoever wants to sign in"), sign_in::sign_in)
        .post(
            "/sign-in/passkey-options",
            Access::PublicForm("whoever wants to sign in"),
            sign_in::passkey_options,
        )
        .post("/sign-in/passkey", Access::PublicForm("whoever wants to sign in"), sign_in::passkey)
        .post("/sign-out", STAFF, sign_in::sign_out)
        .get("/pass", Access::Public("leads on; changes and tells nothing"), pass::arrive)
        .get("/pass/go", STAFF, pass::page)
        .post("/pass/go", STAFF, pass::go)
        .get("/enrol/{token}", Access::Only(Need::EnrolmentLink), enrol::page)
        .post("/enrol/{token}", Access::Only(Need::EnrolmentLink), enrol::enrol)
        .post("/enrol/{token}/meter", Access::Only(Need::EnrolmentLink), meter::enrol)
        .get("/healthz", Access::Public("says only that the process lives"), health::live)
        .get("/readyz", Access::Public("says whether it can serve, in words without secrets"), health::ready)
        .get("/metrics", Access::Only(Need::Scraper), health::metrics)
}

/// Those of customers' data.
fn of_data(routes: Routes<App, StaffGate>) -> Routes<App, StaffGate> {
    routes
        .get("/data", STAFF, data::page)
        .post("/data/find", STAFF, data::find)
        .get("/data/seen", STAFF, data::seen)
        .get("/data/seen.csv", FRESH, data::seen_file)
        .get("/data/rules", STAFF, data::rules)
        .get("/data/rules/edit", STAFF, data::edit_rules)
        .post("/data/rules/edit", FRESH, data::write_rules)
        .get("/data/asked", STAFF, data::asked)
        .post("/data/asked/{id}", FRESH, data::answer_asked)
        .get("/data/requests", STAFF, data::requests)
        .post("/data/requests/{id}", FRESH, data::answer)
        .get("/data/keys", STAFF, data::keys::page)
        .get("/data/keys/new", FRESH, data::keys::new_form)
        .post("/data/keys/new", FRESH, data::keys::make)
        .post("/data/keys/act", FRESH, data::keys::revoke)
        .get("/data/{id}", STAFF, data::customer)
        .post("/data/{id}/open", FRESH, data::open)
        .post("/data/{id}/act", FRESH, data::act)
        .post("/data/{id}/ask", FRESH, data::ask)
        .post("/data/{id}/asked", FRESH, data::receive)
        .post("/data/{id}/correct", FRESH, data::correct)
        .post("/data/{id}/said", FRESH, data::take_down)
}

/// Those of payments, and of the pages where people pay.
fn of_paying(routes: Routes<App, StaffGate>) -> Routes<App, StaffGate> {
    routes
        .get("/payments", STAFF, payments::page)
        .get("/payments/state", WATCHING, payments::state)
        .get("/payments/live", WATCHING, payments::live::live)
        .get("/payments/disputes", STAFF, payments::disputes::page)
        .get("/payments/disputes/{id}", STAFF, payments::disputes::show)
        .get("/payments/disputes/{id}/evidence.json", FRESH, payments::disputes::file)
        .post("/payments/disputes/{id}/act", FRESH, payments::disputes::act)
        .upload(
            "/payments/disputes/{id}/file",
            FRESH,
            payments::disputes::UPLOAD_BYTES,
            payments::disputes::add_file,
        )
        .get("/payments/{id}", STAFF, payments::show)
        .post("/payments/{id}/act", FRESH, payments::act)
        .get("/scripts", STAFF, scripts::page)
        .get("/scripts/page", STAFF, scripts::guarded)
        .post("/scripts/page", FRESH, scripts::page_act)
        .post("/scripts/report", FRESH, scripts::report)
        .post("/scripts/alerts/{id}/close", FRESH, scripts::close_alert)
        .get("/scripts/{id}", STAFF, scripts::show)
        .post("/scripts/{id}/act", FRESH, scripts::act)
        .get("/review", STAFF, review::page)
        .get("/review/state", WATCHING, review::state)
        .post("/review/{id}", FRESH, review::decide)
        .get("/review/rules", STAFF, review::rules::page)
        .post("/review/rules/{rule}", FRESH, review::rules::change)
}
