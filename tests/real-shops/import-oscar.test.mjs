// Customers taken over from django-oscar's own tables, as its migrations make them, in SQLite, in PostgreSQL and in MariaDB.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { storewardBinary } from '../browser/lib/paths.mjs';
import { output } from '../browser/lib/processes.mjs';
import { MariaDb } from './lib/mariadb.mjs';
import { Oscar } from './lib/oscar.mjs';

let dir;

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'storeward-import-'));
});

after(() => rm(dir, { recursive: true, force: true }));

const log = () => path.join(dir, 'words.log');

/** A data directory with a vault, whose words run with the shop's address in a file. */
async function vaultFor(name, address) {
  const data = path.join(dir, name);
  await output(storewardBinary, ['init', '--domain', 'localhost', '--upstream', 'http://127.0.0.1:9', '--dir', data], { log: log() });
  const text = await output('cat', [path.join(data, 'storeward.toml')], { log: log() });
  if (!/^\[vault\]/m.test(text)) await appendFile(path.join(data, 'storeward.toml'), '\n[vault]\n');
  const file = path.join(dir, `${name}.url`);
  await writeFile(file, `${address}\n`, { mode: 0o600 });
  const words = ['vault', 'import', '--from', 'django-oscar', '--database', file, '--dir', data];
  return {
    data,
    taken: (more = []) => output(storewardBinary, [...words, ...more], { log: log() }),
    status: () => output(storewardBinary, ['vault', 'status', '--dir', data], { log: log() }),
    verified: () => output(storewardBinary, ['vault', 'verify', '--dir', data], { log: log() }),
  };
}

async function takenOver(name, address) {
  const vault = await vaultFor(name, address);
  const dry = await vault.taken(['--dry-run']);
  assert.match(dry, /Nothing was written/);
  const first = await vault.taken();
  for (const part of ['accounts', 'addresses', 'guests', 'orders', 'order-notes', 'e-mails', 'payments', 'cards']) {
    assert.match(first, new RegExp(`^${part}$`, 'm'), first);
  }
  assert.match(first, /guests\n {2}1 rows of new customers/, first);
  assert.doesNotMatch(first, /left out/, first);
  for (const value of ['ella@', 'greta@', 'Slate Roof', '4242', 'reset/secret']) assert.ok(!first.includes(value), first);
  // Two customers of fill.py, Ella, and Greta as a guest; una is staff.
  const before = await vault.status();
  assert.match(before, /^4 customers, /, before);
  const again = await vault.taken();
  assert.match(again, /accounts\n {2}0 rows of new customers, 3 of known ones/, again);
  assert.equal(await vault.status(), before, 'the same again writes nothing');
  assert.match(await vault.verified(), /each is what was written last/);
  return vault;
}

test('from SQLite; who is gone is told', async () => {
  const shop = await Oscar.made();
  try {
    await shop.people();
    const vault = await takenOver('sqlite', `sqlite:${shop.file}`);
    const gone = "DELETE FROM communication_email; DELETE FROM auth_user WHERE username = 'kim'";
    await output('sqlite3', [shop.file, gone], { log: log() });
    assert.match(await vault.taken(), /1 customers are not in the shop any more/);
    assert.match(await output(storewardBinary, ['vault', 'gone', '--dir', vault.data], { log: log() }), /cust_\w+ \(django-oscar-/);
    assert.match(await vault.status(), /^4 customers, /, 'and stays');
  } finally {
    await shop.stop();
  }
});

test('from PostgreSQL', async () => {
  const server = new URL(process.env.STOREWARD_TEST_POSTGRES);
  const name = `oscar_${randomBytes(6).toString('hex')}`;
  await output('psql', ['-q', '-d', server.href, '-c', `CREATE DATABASE ${name}`], { log: log() });
  server.pathname = `/${name}`;
  const shop = await Oscar.made({ OSCAR_POSTGRES: server.href });
  try {
    await shop.people();
    await takenOver('postgres', server.href);
  } finally {
    await shop.stop();
    await output('psql', ['-q', '-d', process.env.STOREWARD_TEST_POSTGRES, '-c', `DROP DATABASE ${name}`], { log: log() });
  }
});

test('from MariaDB', async () => {
  const server = await MariaDb.start('oscar');
  try {
    const shop = await Oscar.made({ OSCAR_MYSQL: server.socket });
    try {
      await shop.people();
      await takenOver('mariadb', `mysql://root@/oscar?socket=${server.socket}`);
    } finally {
      await shop.stop();
    }
  } finally {
    await server.stop();
  }
});
