// Lets time pass for waiting times, from outside: what ends later ends so much sooner. The program has no such door: whoever does this
// can write into its database and holds the files of `keys/`, for rows of accounts are believed with a tag under a key only.
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { database } from './paths.mjs';
import { output } from './processes.mjs';

export async function pass(stand, seconds) {
  const micros = seconds * 1_000_000;
  await written(stand, `UPDATE customer_recovery_wait SET ends_at = ends_at - ${micros};`);
  for (const [customer] of await read(stand, 'customer', 'customer_recovery_wait')) await bind(stand, customer);
  await written(stand, `UPDATE job SET run_at = run_at - ${micros} WHERE kind = 'identity.recovery_wait';`);
}

const postgres = database === 'postgres';
const bytes = (column) => (postgres ? `encode(${column}, 'hex')` : `CASE WHEN ${column} IS NULL THEN NULL ELSE hex(${column}) END`);

/** Columns of an account as `identity` binds them (crates/identity/src/sql/bound.rs). */
const ACCOUNT = [
  'id', 'email_mark', 'email_sealed', 'email_confirmed_at', 'shop_mark', 'shop_subject_sealed', 'name_sealed', 'password_hash',
  'password_set_at', 'created_at', 'shop_email_mark', 'password_disabled_at', 'must_change_at', 'step_up_forced_at', 'locked_at',
  'office_allowed_at',
];
/** And of what belongs to it: each with its table, and the first word of its columns. */
const PARTS = [
  ['factor', ['id', 'kind', 'credential_mark', 'secret_sealed', 'created_at', 'NULL', 'NULL'], 'customer_factor'],
  ['code', ['code_hash', 'NULL', 'NULL', 'NULL', 'created_at', 'used_at', 'NULL'], 'customer_recovery_code'],
  ['wait', ['begun_by', 'shorten_asked_by', 'NULL', 'NULL', 'begun_at', 'ends_at', 'cancelled_at'], 'customer_recovery_wait'],
];

async function bind(stand, customer) {
  const columns = (names) => names.map((name) => (name.endsWith('_sealed') ? bytes(name) : name)).join(', ');
  const [account] = await read(stand, columns(ACCOUNT), 'customer_account', `id = '${customer}'`);
  const parts = [];
  for (const [word, names, table] of PARTS) {
    const rows = await read(stand, columns(names), table, `customer = '${customer}'`);
    parts.push(...rows.map((row) => [word, ...row].map((value, at) => told(value, at === 4))));
  }
  parts.sort((one, other) => one.map((value, at) => Buffer.compare(value, other[at])).find((order) => order !== 0) ?? 0);
  const own = account.map((value, at) => told(value, ACCOUNT[at].endsWith('_sealed')));
  const key = hmac(await readFile(path.join(stand.dir, 'data/keys/pseudonym')), 'row-key/1\ncustomer_account');
  const tag = hmac(key, framed('customer_account/1', [...own, ...parts.flat()])).subarray(0, 16).toString('hex');
  const literal = postgres ? `'\\x${tag}'::bytea` : `X'${tag}'`;
  await written(stand, `UPDATE customer_account SET tag = ${literal} WHERE id = '${customer}';`);
}

/** An empty column is another one than one of length 0. */
function told(value, isHex) {
  if (value === null) return Buffer.alloc(0);
  const number = Buffer.alloc(8);
  if (typeof value === 'number') number.writeBigInt64BE(BigInt(value));
  const said = typeof value === 'number' ? number : Buffer.from(value, isHex ? 'hex' : 'utf8');
  return Buffer.concat([Buffer.from([1]), said]);
}

const hmac = (key, message) => createHmac('sha256', key).update(message).digest();

function framed(label, parts) {
  const lengths = parts.map((part) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(part.length));
    return length;
  });
  return Buffer.concat([Buffer.from(`${label}\n`), ...parts.flatMap((part, at) => [lengths[at], part])]);
}

/** Rows of a table, each as a list of its columns. */
async function read(stand, columns, table, where = 'TRUE') {
  const made = postgres ? 'json_build_array' : 'json_array';
  const text = await asked(stand, `SELECT ${made}(${columns}) FROM ${table} WHERE ${where};`);
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** Scripts of paying pages were compared more than an hour ago, and the next round is due. */
export async function compareNow(stand) {
  await written(
    stand,
    `UPDATE checkout_script SET fetched_at = fetched_at - ${3_601 * 1_000_000}; ` +
      `UPDATE job SET run_at = run_at - ${60 * 1_000_000} WHERE kind = 'checkout.fetch';`,
  );
}

/** The approval of a script is over since so many seconds. */
export async function overSince(stand, script, seconds) {
  const micros = (Date.now() - seconds * 1000) * 1000;
  await written(stand, `UPDATE checkout_script SET approved_until = ${micros} WHERE id = '${script}';`);
}

const written = (stand, sql) => asked(stand, sql);

async function asked(stand, sql) {
  const log = path.join(stand.dir, 'clock.log');
  if (postgres) return output('psql', ['-q', '-t', '-A', '-v', 'ON_ERROR_STOP=1', '-d', stand.url, '-c', sql], { log });
  const file = path.join(stand.dir, 'data/storeward.sqlite');
  return output('sqlite3', ['-cmd', '.timeout 20000', file, sql], { log });
}

/**
 * Three weeks in which nothing was wrong with any attempt to pay, so that a rule may be let act: 126 attempts, four hours apart, each as
 * the newest that was judged. The program counts them when it tries a rule, and has not read them for what it remembers.
 */
export async function quietWeeks(stand) {
  const [[payment, facts, decision]] = await read(
    stand,
    'payment, facts, decision',
    'payment_risk',
    "outcome = 'approved' ORDER BY judged_at DESC LIMIT 1",
  );
  const known = JSON.parse(facts);
  const hour = 3_600_000_000;
  const now = Date.now() * 1000;
  const rows = [];
  for (let number = 0; number < 126; number += 1) {
    const at = now - 21 * 24 * hour + number * 4 * hour;
    const then = JSON.stringify({ ...known, attempt: { ...known.attempt, at } });
    rows.push(`('${payment}', ${1000 + number}, 0, 'past', '${then}', 'allow', 0, '${decision}', 'approved', ${at}, ${at})`);
  }
  const columns = 'payment, number, attempt, order_id, facts, answer, is_held, decision, outcome, outcome_at, judged_at';
  // One argument of a program is no longer than 128 KiB.
  for (let at = 0; at < rows.length; at += 42) {
    await written(stand, `INSERT INTO payment_risk (${columns}) VALUES ${rows.slice(at, at + 42).join(', ')};`);
  }
}
