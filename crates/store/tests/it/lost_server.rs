//! PostgreSQL goes away, comes back, or asks to try again: callers hear of none of it where it can be mended.

use storeward_base::Actor;
use storeward_store::testing::{self, TestDb};
use storeward_store::{Engine, Error, Migration};

use crate::{append, size, started};

const VISITS: &[Migration] =
    &[Migration { domain: "visits", number: 1, sql: "CREATE TABLE visit (id TEXT NOT NULL PRIMARY KEY)" }];

/// Ends all sessions of this test's database.
fn end_sessions(db: &TestDb) {
    let name = db.address().replace("schema:", "storeward/");
    db.raw(&format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '{name}'"
    ));
}

/// Makes inserts into `visit` fail as `how` says, until they were tried `times` times. A sequence keeps its count
/// when the transaction is rolled back.
fn sabotage(db: &TestDb, times: u32, how: &str, trigger: &str) {
    db.raw(&format!(
        "CREATE SEQUENCE tries; \
         CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('tries') <= {times} THEN {how}; END IF; RETURN NEW; END $$; \
         CREATE {trigger} EXECUTE FUNCTION sabotage()"
    ));
}

async fn visit(db: &TestDb) -> Result<(), Error> {
    db.write(|tx| {
        tx.execute("INSERT INTO visit (id) VALUES ('a')", &[])?;
        tx.append(Actor::System, None, started("visit")).map(drop)
    })
    .await
}

const AT_ONCE: &str = "TRIGGER sabotage BEFORE INSERT ON visit FOR EACH ROW";
const AT_COMMIT: &str =
    "CONSTRAINT TRIGGER sabotage AFTER INSERT ON visit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW";
const CONFLICT: &str = "RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'";
const END: &str = "PERFORM pg_terminate_backend(pg_backend_pid())";

#[test]
fn sessions_that_ended_are_made_anew() {
    testing::run(Engine::Postgres, &[], async |db| {
        for n in 1..=3 {
            append(&db, 1).await;
            end_sessions(&db);
            assert_eq!(size(&db).await, n);
            end_sessions(&db);
        }
        append(&db, 1).await;
        db.ready().await.unwrap();
    });
}

#[test]
fn a_serialisation_failure_is_tried_again() {
    testing::run(Engine::Postgres, VISITS, async |db| {
        sabotage(&db, 3, CONFLICT, AT_ONCE);
        assert_eq!(visit(&db).await, Ok(()));
        assert_eq!(size(&db).await, 1);
    });
}

#[test]
fn a_serialisation_failure_at_commit_is_tried_again() {
    testing::run(Engine::Postgres, VISITS, async |db| {
        sabotage(&db, 2, CONFLICT, AT_COMMIT);
        assert_eq!(visit(&db).await, Ok(()));
        assert_eq!(size(&db).await, 1);
    });
}

#[test]
fn endless_conflicts_end_in_an_error() {
    testing::run(Engine::Postgres, VISITS, async |db| {
        sabotage(&db, 1000, CONFLICT, AT_ONCE);
        assert_eq!(visit(&db).await, Err(Error::Contended));
        assert_eq!(size(&db).await, 0);
        append(&db, 1).await;
    });
}

#[test]
fn a_server_lost_within_a_write_is_asked_again() {
    testing::run(Engine::Postgres, VISITS, async |db| {
        sabotage(&db, 1, END, AT_ONCE);
        assert_eq!(visit(&db).await, Ok(()));
        assert_eq!(size(&db).await, 1);
    });
}

#[test]
fn a_server_lost_at_commit_is_asked_what_became_of_it() {
    testing::run(Engine::Postgres, VISITS, async |db| {
        sabotage(&db, 1, END, AT_COMMIT);
        assert_eq!(visit(&db).await, Ok(()));
        assert_eq!(size(&db).await, 1);
    });
}
