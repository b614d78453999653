// The words of the command line for fraud and for paying pages, as an owner types them, beside the running program: what they say, their codes,
// and what they say to wrong words.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { storewardBinary } from './lib/paths.mjs';
import { sampleShop } from './lib/stand.mjs';

let stand;
let data;

before(async () => {
  stand = await sampleShop();
  data = path.join(stand.dir, 'data');
});

after(() => stand?.stop());

/** Code, standard output and standard error of one call. */
function say(...words) {
  return called(storewardBinary, [...words, '--dir', data]);
}

function called(program, words) {
  return new Promise((done) =>
    execFile(program, words, { timeout: 60_000 }, (error, out, wrong) => done({ code: error ? error.code : 0, out, wrong })),
  );
}

test('a scorer is not learnt of nothing, and what there is not is said so', async () => {
  for (const word of ['train', 'evaluate']) {
    const { code, wrong } = await say('fraud', word);
    assert.equal(code, 1, word);
    assert.match(wrong, /0 known frauds; a scorer is trained from 200 on/, word);
  }
  for (const word of ['promote', 'act', 'observe']) {
    const { code, wrong } = await say('fraud', word);
    assert.equal(code, 1, word);
    assert.match(wrong, /there is no such scorer yet; `storeward fraud train` makes one/, word);
  }
  assert.deepEqual(await say('fraud', 'list'), { code: 0, out: "None yet; `storeward fraud train` makes one of the shop's own past.\n", wrong: '' });
  assert.equal((await say('fraud', 'sideways')).code, 2);
});

test('paying pages are listed, held, and given back', async () => {
  assert.match((await say('checkout', 'pages')).out, /^\/checkout {2}learn {2}\(as the config says\)$/m);
  assert.equal((await say('checkout', 'hold', '/checkout', 'enforce')).code, 0);
  assert.match((await say('checkout', 'pages')).out, /^\/checkout {2}enforce/m);
  assert.equal((await say('checkout', 'hold', '/checkout', 'learn')).code, 0);
  assert.match((await say('checkout', 'pages')).out, /^\/checkout {2}learn/m);
  const sideways = await say('checkout', 'hold', '/checkout', 'sideways');
  assert.equal(sideways.code, 1);
  assert.match(sideways.wrong, /a page is not served so\n {2}→ learn, enforce or last_good/);
  const approve = await say('checkout', 'approve', 'nope', '--owner', 'Ella', '--why', 'it takes the order');
  assert.equal(approve.code, 1);
  assert.match(approve.wrong, /`nope` is no id of a script\n {2}→ storeward checkout scripts prints them/);
  assert.equal((await say('checkout', 'revoke', 'nope')).code, 1);
});

test('a report is what the ledger knows, and one byte more is not', async () => {
  const file = path.join(stand.dir, 'report.json');
  const made = await say('checkout', 'report', '--to', file);
  assert.equal(made.code, 0, made.wrong);
  assert.match((await say('checkout', 'report', '--check', file)).out, /^The ledger knows it: /);
  assert.equal((await say('checkout', 'report', '--to', file)).code, 1, 'nothing that is there is written over');
  const { appendFile } = await import('node:fs/promises');
  await appendFile(file, ' ');
  const changed = await say('checkout', 'report', '--check', file);
  assert.equal(changed.code, 1);
  assert.match(changed.wrong, /the ledger does not know it/);
});

test('whoever has read enough ends nothing with an error', async () => {
  for (const words of ['checkout report', 'fraud list', 'audit key']) {
    const line = `set -o pipefail; "$0" ${words} --dir "$1" | true`;
    const { code, wrong } = await called('bash', ['-c', line, storewardBinary, data]);
    assert.equal(code, 0, `${words}: ${wrong}`);
    assert.doesNotMatch(wrong, /panicked|Broken pipe/);
  }
});
