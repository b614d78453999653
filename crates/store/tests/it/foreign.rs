//! Somebody else's database on each engine: read as texts, and never written.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use storeward_base::Timestamp;
use storeward_store::foreign::testing::MariaDb;
use storeward_store::foreign::{Foreign, ForeignUrl, Slot, Table};
use storeward_store::testing::is_left_out;

fn open(url: &str) -> Result<Foreign, storeward_store::Error> {
    Foreign::open(&ForeignUrl::parse(url).unwrap())
}

fn cells(table: Table) -> Vec<Vec<String>> {
    let cell = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".to_owned());
    table.rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect()
}

const TABLE: &str = "CREATE TABLE people (id BIGINT PRIMARY KEY, name VARCHAR(200), seen VARCHAR(40)); \
                     INSERT INTO people VALUES (1, 'Ünal ''O''Brien'' 你好 🦫', '2026-11-26 12:00:00'), (2, NULL, NULL), (7, '', '2026-11-27 00:00:00')";

/// The same of every engine.
fn looks(mut shop: Foreign) {
    let page = "SELECT id AS \"id\", name || '!' AS \"called\" FROM people WHERE id > {after} ORDER BY id LIMIT {limit}";
    let mut ask = |after, limit| {
        shop.query(page, &[("after", Slot::Number(after)), ("limit", Slot::Number(limit))]).unwrap()
    };
    let first = ask(0, 2);
    assert_eq!(first.columns, ["id", "called"]);
    assert_eq!(cells(first), [["1", "Ünal 'O'Brien' 你好 🦫!"], ["2", "NULL"]]);
    assert_eq!(cells(ask(2, 2)), [["7", "!"]]);
    assert_eq!(ask(7, 2).rows.len(), 0);
    let noon = Timestamp::parse_rfc3339("2026-11-26T12:00:01Z").unwrap();
    let later = shop.query("SELECT id FROM people WHERE seen >= {since}", &[("since", Slot::Moment(noon))]);
    assert_eq!(cells(later.unwrap()), [["7"]]);
    for write in [
        "INSERT INTO people VALUES (9, 'x', 'y')",
        "DELETE FROM people",
        "DROP TABLE people",
        "CREATE TABLE t (a INT)",
    ] {
        assert!(shop.query(write, &[]).is_err(), "{write}");
    }
    let told = shop.query("SELECT * FROM nobody", &[]).unwrap_err().to_string();
    assert!(told.contains("nobody"), "{told}");
    let told = shop.query("SELECT CAST(name AS DECIMAL(70,60)) FROM people WHERE id = 1", &[]);
    assert!(told.is_ok() || !told.unwrap_err().to_string().contains("Brien"));
    assert_eq!(cells(ask_all(&mut shop)), [["3"]]);
}

fn ask_all(shop: &mut Foreign) -> Table {
    shop.query("SELECT COUNT(*) FROM people", &[]).unwrap()
}

#[test]
fn sqlite_is_read_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.sqlite");
    let url = format!("sqlite:{}", file.display());
    assert!(open(&url).is_err(), "a file that is not there is not made");
    assert!(!file.exists());
    rusqlite(&file);
    looks(open(&url).unwrap());
}

fn rusqlite(file: &std::path::Path) {
    let done = std::process::Command::new("sqlite3").arg(file).arg(TABLE).status().unwrap();
    assert!(done.success());
}

#[test]
fn postgresql_is_read_and_not_written() {
    if is_left_out() {
        return;
    }
    let address = std::env::var("STOREWARD_TEST_POSTGRES").unwrap();
    let schema = format!("foreign_{}", std::process::id());
    let mut client = postgres::Client::connect(&address, postgres::NoTls).unwrap();
    client.batch_execute(&format!("CREATE SCHEMA {schema}; SET search_path = {schema}; {TABLE}")).unwrap();
    let mark = if address.contains('?') { '&' } else { '?' };
    looks(open(&format!("{address}{mark}options=-csearch_path%3D{schema}")).unwrap());
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).unwrap();
    let told = open("postgres://u:hunter2@127.0.0.1:1/d").map(drop).unwrap_err().to_string();
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn mariadb_is_read_over_each_way_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap();
    let own = KeyPair::generate().unwrap();
    let issuer = Issuer::from_params(&params, &key);
    let named =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    std::fs::write(path("ca.pem"), ca.pem()).unwrap();
    std::fs::write(path("own.pem"), named.pem()).unwrap();
    std::fs::write(path("own.key"), own.serialize_pem()).unwrap();
    let server = MariaDb::start(&[
        format!("--ssl-cert={}", path("own.pem")),
        format!("--ssl-key={}", path("own.key")),
    ]);
    server.run("", "CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE USER reader@'%' IDENTIFIED BY 'p@ss w\u{f6}rd'; \
                    GRANT ALL ON shop.* TO reader@'%'; CREATE USER bare@'%' IDENTIFIED BY ''; GRANT SELECT ON shop.* TO bare@'%'; \
                    CREATE USER tls@'%' IDENTIFIED BY 'secret' REQUIRE SSL; GRANT SELECT ON shop.* TO tls@'%';");
    server.run("shop", TABLE);
    let (port, socket) = (server.port, server.socket().display().to_string());
    looks(open(&format!("mysql://reader:p%40ss%20w%C3%B6rd@127.0.0.1:{port}/shop")).unwrap());
    looks(open(&format!("mysql://reader:p%40ss%20w%C3%B6rd@/shop?socket={socket}")).unwrap());
    assert_eq!(ask_all(&mut open(&format!("mysql://bare@127.0.0.1:{port}/shop")).unwrap()).rows.len(), 1);
    // Over TLS, verified: the right root and the right name; neither of them wrong.
    let tls = |host: &str, more: &str| {
        open(&format!("mysql://tls:secret@{host}:{port}/shop?ssl-mode=VERIFY_IDENTITY{more}"))
    };
    let ca = format!("&ssl-ca={}", path("ca.pem"));
    assert_eq!(ask_all(&mut tls("localhost", &ca).unwrap()).rows.len(), 1);
    for (host, more) in [("127.0.0.1", ca.as_str()), ("localhost", &format!("&ssl-ca={}", path("own.pem")))] {
        let told = tls(host, more).map(drop).unwrap_err().to_string();
        assert!(told.contains("TLS"), "{host}: {told}");
    }
    assert!(
        open(&format!("mysql://tls:secret@127.0.0.1:{port}/shop")).is_err(),
        "this user comes by TLS only"
    );
    let told =
        open(&format!("mysql://reader:wr0ng@127.0.0.1:{port}/shop")).map(drop).unwrap_err().to_string();
    assert!(told.contains("Access denied") && !told.contains("wr0ng"), "{told}");
    // A long text goes over several packets.
    // Of its own the server makes no text beyond 16 MiB.
    server.run("", "SET GLOBAL max_allowed_packet = 268435456");
    server.run("shop", "CREATE TABLE far (t LONGTEXT); INSERT INTO far VALUES (REPEAT('x', 14000000))");
    let mut shop = open(&format!("mysql://bare@127.0.0.1:{port}/shop")).unwrap();
    let long = shop.query("SELECT t || t AS twice FROM far", &[]).unwrap();
    assert_eq!(long.rows[0][0].as_ref().map(String::len), Some(28_000_000));
    let told =
        shop.query("SELECT t || t AS a, t || t AS b, t || t AS c FROM far", &[]).unwrap_err().to_string();
    assert!(told.contains("64 MiB"), "{told}");
}
