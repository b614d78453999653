// Checkpoints of the ledger in a bucket with object lock, at a server for S3 of other people's making; and in one that locks nothing.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { runInFrontOf } from '../browser/lib/stand.mjs';
import { s3 } from './lib/s3.mjs';

let dir;

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'storeward-anchors-'));
});

after(() => rm(dir, { recursive: true, force: true }));

const place = (name, bucket, url, made, secret) => `
[[anchor]]
name = "${name}"
kind = "s3"
url = "${url}"
internal = true
region = "eu-central-1"
bucket = "${bucket}"
prefix = "shop"
access_key = "${made.key}"
secret_file = "${secret}"
lock = "governance"
keep_days = 30
`;

test('S3: a checkpoint counts where it is locked, and is told as failed where it is not', async () => {
  const { server, url, made } = await s3(dir);
  let stand;
  try {
    const secret = path.join(dir, 'secret');
    await writeFile(secret, made.secret, { mode: 0o600 });
    stand = await runInFrontOf('http://127.0.0.1:9', place('locked', 'proofs', url, made, secret) + place('loose', 'ward', url, made, secret));
    const folder = path.join(dir, 'export');
    const receipts = async () => {
      await stand.say(['audit', 'export', folder]);
      return readdir(path.join(folder, 'anchors')).catch(() => []);
    };
    const program = stand.programs.find((one) => one.name === 'storeward');
    const found = await program.until('checkpoint that was taken', async () => (await receipts()).find((name) => name.startsWith('locked-')), 120);
    // What the ledger says of it, as a file that stands alone.
    const note = await readFile(path.join(folder, 'anchors', found), 'utf8');
    assert.match(note, /^\S+\n\d+\n\S+\n(.+\n)*\n\u2014 /);
    await stand.say(['audit', 'verify']);
    await program.until('word of the other', () => /"anchor.failed".*"loose"/.test(program.output));
    assert.ok(!/"anchor.failed".*"locked"/.test(program.output));
    assert.ok(!(await receipts()).some((name) => name.startsWith('loose-')));
  } finally {
    await stand?.stop?.();
    await server.kill();
  }
});
