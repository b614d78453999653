"""Looks for SQL injections that a database runs and Storeward lets pass.

    cargo build --example verdicts -p storeward-inspect
    python3 tests/oracles/fuzz.py --seed 1 --seconds 600 sqlite
    python3 tests/oracles/fuzz.py --postgres postgres://user:password@127.0.0.1:5432/postgres postgresql
    python3 tests/oracles/fuzz.py --mariadb /run/mysqld/mysqld.sock mariadb

Values are drawn by grammar and changed token by token; each is run in the places that shops put values in. Those with an effect
(see databases.py) are attacks; those of them that pass are printed in their shortest form. PostgreSQL's and MariaDB's drivers are
Debian's python3-psycopg2 and python3-pymysql. Databases `oracle_front0` and `oracle_front1` are made anew, so point at no server
that has any of that name. `--against PROGRAM` asks another one as well, that answers lines of hexadecimal in the same way.
"""

import argparse
import collections
import random
import subprocess
import sys
import time
from pathlib import Path

from databases import PLACES, MariaDb, PostgreSql, Sqlite
from draw import TOKEN, Drawer

ROOT = Path(__file__).resolve().parents[2]


class Judge:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stops(self, value):
        self.process.stdin.write(value.encode("utf-8", "surrogateescape").hex().encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip() != b"-"


def shortest(database, judge, place, value, effect):
    """Takes tokens away while it stays an attack that passes."""
    parts = TOKEN.findall(value)
    changed = True
    while changed:
        changed = False
        for length in (8, 4, 2, 1):
            at = 0
            while at < len(parts):
                shorter = parts[:at] + parts[at + length :]
                text = "".join(shorter)
                if len(shorter) < len(parts) and not judge.stops(text) and database.effect(place, text) == effect:
                    parts, changed = shorter, True
                else:
                    at += 1
    return "".join(parts)


def skeleton(value):
    """What two findings of one root have in common."""
    kinds = []
    for part in TOKEN.findall(value):
        if part.isspace():
            continue
        kinds.append("n" if part[0].isalnum() or part[0] == "_" else part[:1])
    return "".join(kinds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("database", choices=["sqlite", "postgresql", "mariadb"])
    parser.add_argument("--postgres")
    parser.add_argument("--mariadb")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--verdicts", default=str(ROOT / "target/debug/examples/verdicts"))
    parser.add_argument("--against")
    parser.add_argument("--places", default=",".join(PLACES))
    parser.add_argument("--show", type=int, default=40)
    parser.add_argument("--save", help="attacks that ran, one a line: place, effect, the value in hexadecimal")
    options = parser.parse_args()
    if options.database == "sqlite":
        database = Sqlite()
    elif options.database == "postgresql":
        database = PostgreSql(options.postgres)
    else:
        database = MariaDb(options.mariadb)
    judge = Judge(options.verdicts)
    other = Judge(options.against) if options.against else None
    drawer = Drawer(random.Random(options.seed), database.words, getattr(database, "signs", []))
    places = options.places.split(",")
    kept = {place: [] for place in places}
    seen, shapes, missed = set(), set(), collections.OrderedDict()
    counts = collections.Counter()
    save = open(options.save, "w") if options.save else None
    end = time.monotonic() + options.seconds
    tried = 0
    while time.monotonic() < end:
        place = drawer.one(places)
        pool = kept[place]
        value = drawer.attack(place) if len(pool) < 20 or drawer.chance(30) else drawer.changed(drawer.one(pool), pool)
        if (place, value) in seen:
            continue
        seen.add((place, value))
        tried += 1
        effect = database.effect(place, value)
        if effect is None:
            continue
        shape = (place, skeleton(value))
        if shape not in shapes or drawer.chance(2):
            shapes.add(shape)
            pool.append(value)
            if len(pool) > 3000:
                del pool[drawer.random.randrange(len(pool))]
        counts[effect, "attacks"] += 1
        if effect == "plain":
            counts[effect, "missed"] += not judge.stops(value)
            continue
        counts[place, "attacks"] += 1
        if save:
            save.write(f"{place}\t{effect}\t{value.encode('utf-8', 'surrogateescape').hex()}\n")
        if other and not other.stops(value):
            counts[place, "missed by the other"] += 1
            counts[effect, "missed by the other"] += 1
        if not judge.stops(value):
            counts[place, "missed"] += 1
            counts[effect, "missed"] += 1
            short = shortest(database, judge, place, value, effect) if len(missed) < 4000 else value
            key = (place, effect, skeleton(short))
            missed.setdefault(key, []).append((short, value))
    for row in sorted({key[0] for key in counts}):
        print(f"{row:>10}: {counts[row, 'attacks']:>7} attacks, {counts[row, 'missed']:>5} missed" + (f", {counts[row, 'missed by the other']:>6} missed by the other" if other else ""))
    total = sum(counts[place, "attacks"] for place in places)
    print(f"{tried} tried, {total} attacks, {sum(counts[place, 'missed'] for place in places)} missed")
    for (place, effect, _), found in sorted(missed.items(), key=lambda item: -len(item[1]))[: options.show]:
        print(f"{len(found):>5} {place} {effect}: {min((short for short, _ in found), key=len)!r}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
