"""Real databases as judges: a value is an attack where the database runs it and it does what no search may do."""

import re
import sqlite3
from urllib.parse import urlparse

# What no visitor may read, what is hidden from every search, and one row of the shop's.
SECRETS = ("HASHq1", "HASHz2")
HIDDEN = "GONEx"

TABLES = [
    "create table products(id integer primary key, name varchar(80), price integer, deleted integer)",
    "insert into products values(1,'mug',9,0),(2,'lamp',19,0),(3,'{hidden}',29,1),(4,'a_b',39,0)",
    "create table customers(id integer primary key, email varchar(80), pass varchar(80), role varchar(20))",
    "insert into customers values(1,'a@b.c','{secret}','admin'),(2,'d@e.f','{secret}','user')",
    "create table notes(id integer, body varchar(200))",
    "insert into notes values(1,'x')",
]

# The shop's queries. `most`: rows that an honest value can get.
PLACES = {
    "quoted": ("select id,name from products where name='§' and deleted=0", 1),
    "last": ("select id,name from products where deleted=0 and name='§'", 1),
    "like": ("select id,name from products where deleted=0 and (name like '%§%')", 3),
    "number": ("select id,name from products where id=§ and deleted=0", 1),
    "brackets": ("select id,name from products where deleted=0 and (id=§)", 1),
    "list": ("select id,name from products where deleted=0 and id in (§)", 3),
    "order": ("select id,name from products where deleted=0 order by §", 3),
    "double": ('select id,name from products where name="§" and deleted=0', 1),
    "update": ("update notes set body='§' where id=1", None),
}


# Names, numbers and strings with signs between, and whatever stands behind their end.
BLANK = r"(?:\s|\ufeff|/\*.*?\*/|--[^\n]*\n|[()])*"
OPERAND = r"(?:[-+~!]*(?:[\w.]+|\"\w*\"|`\w+`|\[\w+\]|[xXnNeE]?'\w*'))"
SIGN = r"(?:[-+=<>|&^*/%]+|!=|\b(?:is\s+not|is|or|and|xor|or\s+not)\b)"
PLAIN = re.compile(f"{BLANK}=?{BLANK}{OPERAND}(?:{BLANK}{SIGN}{BLANK}{OPERAND})*{BLANK}(?:notnull|isnull)?{BLANK}(?:(?:;|#|--|/\\*).*)?", re.I | re.S)


class Database:
    """`run` gives what a query shows, in the first or the second of two worlds with other secrets."""

    name = ""
    words = []

    def run(self, world, query):
        raise NotImplementedError

    def effect(self, place, value):
        """What the value does there: `leak`, `oracle`, `bypass`, `write`, or None."""
        shop, most = PLACES[place]
        if place == "double" and self.name == "postgresql":
            return None
        query = shop.replace("§", value)
        first, error, wrote = self.run(0, query)
        if first is None:
            # PostgreSQL repeats the query in its errors.
            return "leak" if SECRETS[0] in error and "HASH" not in value else None
        text = repr(first)
        if SECRETS[0] in text:
            return "leak"
        # A lock is gone with the query.
        if wrote not in (None, "notes"):
            return None if re.search("lock", value, re.I) else "write"
        second, other, _ = self.run(1, query)
        if second is None and SECRETS[1] in other and "HASH" not in value:
            return "leak"
        if text.replace(SECRETS[0], "") != repr(second).replace(SECRETS[1], ""):
            return "oracle"
        if most is None:
            return None
        if HIDDEN in text or (first and len(first[0]) > most):
            # A column's name where a number stands is any word to whoever does not know the shop, and so is `name=1`.
            return "plain" if PLAIN.fullmatch(value) else "bypass"
        return None


def as_rows(rows):
    """Texts of bytes, too: a secret in hexadecimal stays hidden, which is the database's doing."""
    return [tuple(bytes(x).decode("latin-1") if isinstance(x, (bytes, memoryview)) else x for x in row) for row in rows]


class Sqlite(Database):
    name = "sqlite"

    def __init__(self):
        self.worlds = [self.made(secret) for secret in SECRETS]
        functions = {row[0] for row in self.worlds[0].execute("select name from pragma_function_list")}
        collations = {row[1] for row in self.worlds[0].execute("pragma collation_list")}
        self.words = sorted(word for word in functions | collations if word not in ("load_extension", "randomblob", "zeroblob"))
        self.counts = [world.total_changes for world in self.worlds]

    def made(self, secret):
        world = sqlite3.connect(":memory:", isolation_level=None)
        for statement in TABLES:
            world.execute(statement.format(secret=secret, hidden=HIDDEN))
        world.create_function("like_never", 0, lambda: None)
        return world

    def run(self, world, query):
        database = self.worlds[world]
        steps = [0]

        def stop():
            steps[0] += 1
            return steps[0] > 40

        database.set_progress_handler(stop, 5000)
        before = database.total_changes
        sets, error = [], ""
        try:
            database.execute("begin")
            for statement in statements(query):
                sets.append(as_rows(database.execute(statement).fetchmany(50)))
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, ValueError) as problem:
            error = str(problem)
        changed = database.total_changes - before
        notes = query.startswith("update notes")
        wrote = None
        if changed and not (notes and changed <= 1 and len(sets) <= 1):
            wrote = "rows"
        elif changed:
            wrote = "notes"
            try:
                sets = [as_rows(database.execute("select body from notes"))]
            except sqlite3.Error:
                pass
        try:
            database.execute("rollback")
        except sqlite3.Error:
            self.worlds[world] = self.made(SECRETS[world])
            wrote = "schema"
        failed = error and not sets
        return (None if failed else sets), error, wrote


def statements(query):
    """Python's driver runs one at a time; shops in other languages run all."""
    rest, found = query, []
    while rest.strip():
        for match in re.finditer(";", rest):
            if sqlite3.complete_statement(rest[: match.end()]):
                found.append(rest[: match.end()])
                rest = rest[match.end() :]
                break
        else:
            found.append(rest)
            break
    return found[:4]


class PostgreSql(Database):
    name = "postgresql"

    def __init__(self, url):
        import psycopg2

        self.driver = psycopg2
        parts = urlparse(url)
        self.reach = {"host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password}
        self.worlds = []
        for index, secret in enumerate(SECRETS):
            name = f"oracle_front{index}"
            admin = psycopg2.connect(dbname=parts.path.lstrip("/"), **self.reach)
            admin.autocommit = True
            with admin.cursor() as cursor:
                cursor.execute(f"drop database if exists {name} with (force)")
                cursor.execute(f"create database {name}")
            admin.close()
            world = psycopg2.connect(dbname=name, **self.reach)
            with world.cursor() as cursor:
                for statement in TABLES:
                    cursor.execute(statement.format(secret=secret, hidden=HIDDEN))
                world.commit()
                cursor.execute("set statement_timeout=300; set lock_timeout=100")
                world.commit()
            self.worlds.append(world)
        with self.worlds[0].cursor() as cursor:
            cursor.execute("select word from pg_get_keywords()")
            self.words = [row[0] for row in cursor.fetchall()]
            cursor.execute("select distinct proname from pg_proc where proname !~ 'sleep|terminate|cancel|advisory|lo_|reload|rotate|promote|reset|log|backup|wal|replic'")
            self.words += [row[0] for row in cursor.fetchall()]
            cursor.execute("select distinct oprname from pg_operator")
            self.signs = [row[0] for row in cursor.fetchall()]
            cursor.execute("select typname from pg_type where typtype='b' and typname !~ '^_'")
            self.words += [row[0] for row in cursor.fetchall()]
        self.worlds[0].rollback()

    def run(self, world, query):
        database = self.worlds[world]
        if "\0" in query:
            return None, "NUL", None
        sets, error, wrote = [], "", None
        cursor = database.cursor()
        try:
            cursor.execute(query)
            if cursor.description:
                sets.append(as_rows(cursor.fetchmany(50)))
            if query.startswith("update notes"):
                wrote = "notes"
                cursor.execute("select body from notes")
                sets = [as_rows(cursor.fetchall())]
                cursor.execute("select 1 from products union all select 2 from customers")
                if cursor.rowcount != 6:
                    wrote = "rows"
            else:
                cursor.execute("select pg_current_xact_id_if_assigned()")
                if cursor.fetchone()[0] is not None:
                    wrote = "rows"
        except (self.driver.Error, ValueError, UnicodeError, OverflowError) as problem:
            error = str(problem)
        try:
            cursor.close()
            database.rollback()
        except self.driver.Error:
            self.worlds[world] = self.driver.connect(dbname=f"oracle_front{world}", **self.reach)
        return (None if error and not sets else sets), error, wrote


class MariaDb(Database):
    name = "mariadb"

    def __init__(self, socket):
        import pymysql

        self.driver, self.socket = pymysql, socket
        self.worlds = [self.made(index) for index in range(2)]
        with self.worlds[0].cursor() as cursor:
            cursor.execute("select word from information_schema.keywords")
            self.words = [row[0].lower() for row in cursor.fetchall() if row[0][0].isalpha()]
            cursor.execute("select function from information_schema.sql_functions")
            self.words += [row[0].lower() for row in cursor.fetchall() if row[0].lower() not in ("sleep", "benchmark", "get_lock", "master_pos_wait", "master_gtid_wait")]
        self.words = [word for word in self.words if word not in ("sleep", "kill", "shutdown", "lock")]

    def made(self, index):
        world = self.driver.connect(unix_socket=self.socket, user="root", charset="utf8mb4", client_flag=self.driver.constants.CLIENT.MULTI_STATEMENTS, read_timeout=5)
        with world.cursor() as cursor:
            cursor.execute(f"create or replace database oracle_front{index}")
            cursor.execute(f"use oracle_front{index}")
            for statement in TABLES:
                cursor.execute(statement.format(secret=SECRETS[index], hidden=HIDDEN))
            cursor.execute("set max_statement_time=0.3, lock_wait_timeout=1, innodb_lock_wait_timeout=1, autocommit=0")
        world.commit()
        return world

    def run(self, world, query):
        database = self.worlds[world]
        sets, error, wrote = [], "", None
        cursor = database.cursor()
        try:
            cursor.execute(query.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("%", "%"))
            while True:
                if cursor.description:
                    sets.append(as_rows(cursor.fetchmany(50)))
                elif cursor.rowcount and cursor.rowcount > 0:
                    wrote = "rows"
                if not cursor.nextset():
                    break
        except (self.driver.Error, ValueError, UnicodeError, OverflowError, TypeError) as problem:
            error = str(problem)
        if query.startswith("update notes") and not error:
            wrote = None if wrote is None else "notes"
            try:
                cursor.execute("select body from notes")
                sets = [as_rows(cursor.fetchall())]
            except self.driver.Error:
                pass
        try:
            cursor.close()
            database.rollback()
            with database.cursor() as cursor:
                cursor.execute("select count(*),group_concat(pass) from customers")
                if cursor.fetchone() != (2, f"{SECRETS[world]},{SECRETS[world]}"):
                    raise self.driver.Error("changed")
        except (self.driver.Error, AttributeError, OSError):
            self.worlds[world] = self.made(world)
            wrote = wrote or "schema"
        return (None if error and not sets else sets), error, wrote
