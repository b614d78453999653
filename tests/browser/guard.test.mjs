// What becomes of a paying page whose scripts and headers change, through the whole program and in Chromium, decided by a shop's own program
// over the REST interface: a file elsewhere that changed, a script that is new, a header that is gone, an approval that is over.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { open } from './lib/chromium.mjs';
import { compareNow, overSince } from './lib/clock.mjs';
import { storewardBinary } from './lib/paths.mjs';
import { freePort, output, sleep } from './lib/processes.mjs';
import { runInFrontOf } from './lib/stand.mjs';

/** The shop's page and files, and another's; both change as a test says. */
const shop = {
  tags: [],
  headers: {},
  // Puts in a file of the other's, at the port that the page's address names: a whole address there would be stopped as an attack.
  files: {
    '/own.js': `window.own = 1;
      const added = new URLSearchParams(location.search).get('add');
      if (added) document.head.append(Object.assign(document.createElement('script'), { src: 'http://127.0.0.1:' + added + '/open.js' }));`,
  },
};
const other = { '/open.js': 'window.open_ = 1', '/alone.js': 'window.alone = 1' };

let servers;
let elsewhere;
let stand;
let browser;
let key;
let ca;

const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

before(async () => {
  const front = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname === '/checkout') {
      const tags = shop.tags.map((source) => `<script src="${source}"></script>`).join('');
      return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...shop.headers })
        // Behind icons that close themselves, as many shops have them.
        .end(`<!doctype html><html lang="en"><head><title>Pay</title></head><body><h1><svg class="icon" viewBox="0 0 9 9" />Pay</h1><math/>${tags}</body></html>`);
    }
    const text = shop.files[pathname];
    if (text === undefined) return response.writeHead(404).end();
    return response.writeHead(200, { 'content-type': 'text/javascript' }).end(text);
  });
  const theirs = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (other[pathname] === undefined) return response.writeHead(404).end();
    const shares = pathname === '/alone.js' ? {} : { 'access-control-allow-origin': '*' };
    return response.writeHead(200, { 'content-type': 'text/javascript', 'cache-control': 'no-store', ...shares }).end(other[pathname]);
  });
  servers = [front, theirs];
  const [own, foreign] = [await listening(front), await listening(theirs)];
  elsewhere = `http://127.0.0.1:${foreign}`;
  shop.tags = ['/own.js', `${elsewhere}/open.js`, `${elsewhere}/alone.js`];
  shop.headers = { 'x-frame-options': 'DENY', 'permissions-policy': 'camera=()' };
  const section = `[checkout]\nmode = "learn"\npages = ["/checkout"]\non_change = "block"\ninternal = ["${elsewhere}"]\n`;
  stand = await runInFrontOf(`http://127.0.0.1:${own}`, `${section}[api]\nlisten = "127.0.0.1:${await freePort()}"\n`);
  ca = await readFile(stand.ready.ca);
  const said = await stand.say(['api-key', 'create', '--name', 'releases', '--act', 'scripts', '--act', 'approve', '--role', 'shop', '--purpose', 'support']);
  key = /swk_[0-9a-f]{88}/.exec(said)[0];
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  for (const server of servers ?? []) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Asks the REST interface; gives status, the body's bytes and what they say. */
function ask(method, place, body, bearer = key) {
  const url = new URL(`/api/v1${place}`, stand.ready.api);
  const headers = { authorization: `Bearer ${bearer}`, ...(body ? { 'content-type': 'application/json' } : {}) };
  return new Promise((resolve, reject) => {
    const request = https.request(url, { ca, method, headers, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const bytes = Buffer.concat(parts);
        resolve({ status: response.statusCode, bytes, json: bytes.length > 0 ? JSON.parse(bytes) : null });
      });
    });
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

const scripts = async () => (await ask('GET', '/checkout/scripts?limit=100')).json.scripts;
const alerts = async () => (await ask('GET', '/checkout/alerts')).json.alerts;
const row = async (address) => (await scripts()).find((one) => one.address.endsWith(address));
const alert = async (kind, about) => (await alerts()).find((one) => one.kind === kind && one.what.includes(about) && !one.closed_at);

/** What `look` gives, once it gives something: within a minute, as staff are to be told. */
async function until(what, look) {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const found = await look();
    if (found) return found;
    await sleep(300);
  }
  return assert.fail(`not within a minute: ${what}\n${JSON.stringify(await alerts())}\n${JSON.stringify(await scripts())}`);
}

/** A buyer's look at the page: which scripts ran, and under which policy. */
async function visit(query = '') {
  const { page, context } = await browser.visitor();
  const answer = await page.goto(new URL(`/checkout${query}`, stand.ready.shop).href);
  await page.waitForLoadState('load');
  const ran = await page.evaluate(() => ({ own: globalThis.own, open: globalThis.open_, alone: globalThis.alone, added: globalThis.added }));
  await context.close();
  // Of the two the one that says what may run; the other names addresses alone.
  return { ...ran, policy: answer.headers()['content-security-policy']?.split("default-src 'none'").at(-1) };
}

/** The same with these tags alone. */
async function visitWith(tags, query) {
  const before = shop.tags;
  shop.tags = tags;
  const seen = await visit(query);
  shop.tags = before;
  return seen;
}

async function approve(address, scope = 'exact') {
  const { id, sha256 } = await row(address);
  const what = { scope, owner: 'Releases', justification: 'Shows the form', ...(scope === 'exact' ? { sha256 } : {}) };
  const answer = await ask('POST', `/checkout/scripts/${id}/approve`, what);
  assert.equal(answer.status, 200, answer.bytes.toString());
}

test('what was learnt and fetched is approved by hash, and the page held to it', async () => {
  await visit();
  await until('three scripts, and none of Storeward’s own', async () => (await scripts()).length === 3);
  await compareNow(stand);
  await until('their hashes', async () => (await scripts()).every(({ sha256 }) => sha256));
  const sum = (text) => createHash('sha256').update(text).digest('base64');
  assert.equal((await row('/open.js')).sha256, sum(other['/open.js']));
  for (const file of ['/own.js', '/open.js', '/alone.js']) await approve(file);
  await stand.say(['checkout', 'approve-headers', '/checkout']);
  await stand.say(['checkout', 'hold', '/checkout', 'enforce']);
  const held = await until('the policy', async () => {
    const seen = await visit();
    return seen.policy && seen;
  });
  assert.deepEqual([held.own, held.open, held.alone, held.added], [1, 1, 1, undefined]);
  assert.equal((await visitWith(['/own.js'], `?add=${new URL(elsewhere).port}`)).open, 1, 'an approved script puts it in');
  const open = (await alerts()).filter(({ closed_at: closed }) => !closed);
  assert.deepEqual(open, []);
});

test('another’s file that changed is told within a minute and does not run; approved anew, it does', async () => {
  other['/open.js'] = 'window.open_ = 666';
  // Whoever looks meanwhile: the browser holds the file to the hash that was approved.
  assert.equal((await visit()).open, undefined);
  other['/alone.js'] = 'window.alone = 666';
  await compareNow(stand);
  for (const file of ['/open.js', '/alone.js']) {
    const found = await until(`the alert of ${file}`, () => alert('script_changed', file));
    assert.ok(['fetch', 'report'].includes(found.source), found.source);
    assert.equal((await row(file)).status, 'changed');
  }
  const seen = await until('the policy without it', async () => {
    const looked = await visit();
    return !/[.]1:\d+\/(alone|open)[.]js/.test(looked.policy) && looked;
  });
  assert.deepEqual([seen.own, seen.open, seen.alone], [1, undefined, undefined]);
  // Nor where no tag of the page asks for the hash, or one does with an `integrity` that browsers ignore.
  assert.equal((await visitWith(['/own.js'], `?add=${new URL(elsewhere).port}`)).open, undefined);
  assert.equal((await visitWith(['/own.js', `${elsewhere}/open.js" integrity="x`])).open, undefined);
  // An approval of what was looked at before the change is none of what is there now.
  const { id } = await row('/open.js');
  const old = createHash('sha256').update('window.open_ = 1').digest('base64');
  const late = await ask('POST', `/checkout/scripts/${id}/approve`, { scope: 'exact', sha256: old, owner: 'Releases', justification: 'As it was' });
  assert.equal(late.status, 409);
  for (const file of ['/open.js', '/alone.js']) await approve(file);
  const anew = await visit();
  assert.deepEqual([anew.own, anew.open, anew.alone], [1, 666, 666]);
});

test('a script that is new is told within a minute and does not run', async () => {
  shop.files['/added.js'] = 'window.added = 1';
  shop.tags.push('/added.js');
  const seen = await visit();
  assert.deepEqual([seen.own, seen.added], [1, undefined]);
  const found = await until('the alert', () => alert('script_new', '/added.js'));
  assert.equal(found.source, 'page');
  shop.tags.pop();
});

test('a header that the shop sends no more is told within a minute', async () => {
  delete shop.headers['x-frame-options'];
  await visit();
  const found = await until('the alert', () => alert('header_changed', 'x-frame-options'));
  assert.equal(found.what, 'x-frame-options of /checkout was removed');
  shop.headers['x-frame-options'] = 'DENY';
});

test('an approval that is over lets nothing run any more', async () => {
  assert.equal((await visit()).own, 1);
  await overSince(stand, (await row('/own.js')).id, 60);
  await compareNow(stand);
  const seen = await until('the policy without it', async () => {
    const looked = await visit();
    return !looked.policy.includes('/own.js') && looked;
  });
  assert.deepEqual([seen.own, seen.open], [undefined, 666]);
  assert.equal((await row('/own.js')).status, 'expired');
  await until('the alert', () => alert('approval_over', '/own.js'));
  await approve('/own.js');
  assert.equal((await visit()).own, 1);
  assert.equal(await alert('approval_over', '/own.js'), undefined, 'who approves has looked');
});

test('a page that only learns goes to its last good state when a file changes, until staff have looked', async () => {
  const file = path.join(stand.dir, 'data/storeward.toml');
  await writeFile(file, (await readFile(file, 'utf8')).replace('on_change = "block"', 'on_change = "last_good"'));
  await output(storewardBinary, ['reload', '--dir', path.join(stand.dir, 'data')], { log: path.join(stand.dir, 'reload.log') });
  for (const { id, closed_at: closed } of await alerts()) if (!closed) assert.equal((await ask('POST', `/checkout/alerts/${id}/close`)).status, 200);
  await stand.say(['checkout', 'hold', '/checkout', 'learn']);
  await until('it learns', async () => !(await visit()).policy);
  other['/alone.js'] = 'window.alone = 777';
  assert.equal((await visit()).alone, 777, 'while it learns, all runs');
  await compareNow(stand);
  const found = await until('the alert', () => alert('script_changed', '/alone.js'));
  const seen = await until('the last good state', async () => {
    const looked = await visit();
    return looked.policy && looked;
  });
  assert.deepEqual([seen.own, seen.open, seen.alone], [1, 666, undefined]);
  // One who may only look closes nothing.
  const looks = /swk_[0-9a-f]{88}/.exec(await stand.say(['api-key', 'create', '--name', 'looks', '--act', 'scripts', '--role', 'shop', '--purpose', 'support']))[0];
  assert.equal((await ask('POST', `/checkout/alerts/${found.id}/close`, undefined, looks)).status, 403);
  assert.ok((await visit()).policy, 'still held');
  const closed = await ask('POST', `/checkout/alerts/${found.id}/close`);
  assert.equal(closed.status, 200, closed.bytes.toString());
  assert.ok(closed.json.closed_at);
  assert.equal((await ask('POST', `/checkout/alerts/${found.id}/close`)).status, 404, 'it is closed');
  assert.equal((await ask('POST', `/checkout/alerts/${'0'.repeat(32)}/close`)).status, 404);
  await until('it learns again', async () => !(await visit()).policy);
});

test('the report that a program makes is the one that the ledger knows', async () => {
  const today = new Date().toISOString().slice(0, 10);
  const made = await ask('POST', '/checkout/reports', { from: today });
  assert.equal(made.status, 200, made.bytes.toString());
  assert.equal(made.json.form, 'storeward-checkout-evidence/2');
  const kinds = new Set(made.json.alerts.map(({ what }) => what));
  for (const kind of ['script_changed', 'script_new', 'header_changed']) assert.ok(kinds.has(kind), kind);
  assert.ok(made.json.decisions.some(({ owner, by }) => owner === 'Releases' && by.id));
  const file = path.join(stand.dir, 'report.json');
  await writeFile(file, made.bytes);
  assert.match(await stand.say(['checkout', 'report', '--check', file]), /The ledger knows it/);
  await writeFile(file, made.bytes.toString().replace('Releases', 'Somebody'));
  await assert.rejects(stand.say(['checkout', 'report', '--check', file]), /does not know it/);
  for (const wrong of [{ from: 'yesterday' }, { from: '2026-01-01', until: '2025-01-01' }, { from: '2020-01-01' }, { from: '2026-1-1' }]) {
    assert.equal((await ask('POST', '/checkout/reports', wrong)).status, 422, JSON.stringify(wrong));
  }
});
