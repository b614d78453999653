// Twenty-three inert skimmers of our own, one for each way out of a page (reference/payments.md 4.3), and what tries to undo the guard.
// The first run is without protection: there they get through, so the others can fail.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { guardTag, payingShop, policy, run, sink, victim } from './lib/skimmers.mjs';

/** What is left open, and who sees it: docs/checkout.md, "What stays open". */
const WATCHED = {
  preconnect: 'says a host\'s name; the guard reports it',
  'same-origin': 'goes through Storeward, which looks for card numbers in it',
};
/** Beside them with no guard: what a content policy leaves open by itself, as it was measured. */
const BY_POLICY_ALONE = ['location', 'meta-refresh', 'preconnect', 'same-origin', 'webrtc', 'webrtc-in-a-frame', 'window-open'];
/** A browser's own list of hosts, which Chromium has since 152. */
const HOSTS = '(response-origin);redirects=allow';

let attacker;
let home;
let browser;
const shops = {};
let ways;
let tricks;

before(async () => {
  attacker = await sink();
  const tag = await guardTag('NONCE');
  const learning = await guardTag('NONCE', 'learn');
  const dressed = (first, more = {}) => (nonce) => ({
    headers: { 'content-security-policy': policy(nonce), ...more },
    first: first.replace('NONCE', nonce),
  });
  shops.bare = await payingShop(attacker.port);
  shops.policy = await payingShop(attacker.port, dressed(''));
  shops.guard = await payingShop(attacker.port, dressed(tag));
  shops.hosts = await payingShop(attacker.port, dressed('', { 'connection-allowlist': HOSTS }));
  shops.whole = await payingShop(attacker.port, dressed(tag, { 'connection-allowlist': HOSTS }));
  shops.learning = await payingShop(attacker.port, (nonce) => ({ headers: {}, first: learning.replace('NONCE', nonce) }));
  home = await mkdtemp(path.join(os.tmpdir(), 'storeward-victim-'));
  browser = await victim(home);
  const page = await browser.newPage();
  await page.goto(`${shops.bare.home}/checkout`);
  ({ ways, tricks } = await page.evaluate(() => globalThis.skimmers));
  await page.close();
});

after(async () => {
  await browser?.close();
  for (const shop of Object.values(shops)) await shop.stop();
  await attacker?.stop();
  if (home) await rm(home, { recursive: true, force: true, maxRetries: 5 });
});

/** Where these get through the page is gone: each has one of its own. */
const LEAVING = [
  'form', 'location', 'meta-refresh', 'natives-changed', 'frame-with-a-page', 'frame-written-with-a-script', 'own-window-lent',
];

/** Runs those given and gives the names of those by which the marker arrived, in order. */
async function through(shop, names, { patience = 6000, atOnce = names.length } = {}) {
  const staying = names.filter((name) => !LEAVING.includes(name));
  const batches = names.filter((name) => LEAVING.includes(name)).map((name) => [name]);
  while (staying.length > 0) batches.push(staying.splice(0, atOnce));
  const found = [];
  for (const batch of batches) {
    found.push(...(await run(browser, `${shop.home}/checkout`, batch, { attacker, notes: shop.notes, patience })));
  }
  return found.sort();
}

test('without protection every one of the twenty-three gets through', async () => {
  assert.equal(ways.length, 23);
  assert.deepEqual(await through(shops.bare, ways, { patience: 15_000 }), [...ways].sort());
});

test('a strict policy alone leaves seven open', async () => {
  assert.deepEqual(await through(shops.policy, ways), BY_POLICY_ALONE);
});

/** That no more than two got out, each of them known. */
function isWatched(out) {
  assert.ok(out.length <= 2, out.join(', '));
  for (const name of out) assert.ok(WATCHED[name], `${name} is open and nobody watches it`);
}

const facts = (shop) => new Set(shop.reports.map(({ kind, channel }) => `${kind} ${channel}`));

test('behind policy and guard at most two are open, and both are watched', async () => {
  isWatched(await through(shops.guard, ways));
  for (const fact of ['seen preconnect', 'blocked webrtc', 'blocked window_open', 'blocked navigate']) {
    assert.ok(facts(shops.guard).has(fact), `${fact}: ${[...facts(shops.guard)]}`);
  }
});

test('with a list of hosts in the browser, only what goes through Storeward is open', async () => {
  assert.deepEqual(await through(shops.hosts, ways), ['same-origin']);
  assert.deepEqual(await through(shops.whole, ways), ['same-origin']);
});

test('nothing undoes the guard: fresh natives, changed natives, links, windows, the nonce', async () => {
  assert.deepEqual(await through(shops.guard, tricks), []);
  assert.ok(facts(shops.guard).has('blocked popup'));
});

test('those would get through otherwise', async () => {
  // A policy refuses these two by itself.
  const refused = ['nonce-of-the-policy', 'worker-of-text'];
  const out = await through(shops.policy, tricks.filter((trick) => !refused.includes(trick)), { patience: 15_000, atOnce: 5 });
  assert.deepEqual(out, tricks.filter((trick) => !refused.includes(trick)).sort(), 'some do not even work without the guard');
});

test('what the guard tells names no more than a host', async () => {
  for (const report of shops.guard.reports) {
    assert.deepEqual(Object.keys(report), ['kind', 'channel', 'host']);
    assert.ok(!/card|[/?=]/.test(report.host), 'a report holds what was to be stolen');
  }
});

test('a guard that learns tells, and stops nothing', async () => {
  const some = ['window-open', 'location', 'webrtc-in-a-frame', 'link-by-hand'];
  assert.deepEqual(await through(shops.learning, some, { patience: 15_000 }), [...some].sort());
  assert.deepEqual([...facts(shops.learning)].sort(), ['seen navigate', 'seen popup', 'seen webrtc', 'seen window_open']);
});

test('a buyer notices nothing: the form is sent, links and windows of the shop open, a frame may be written', async () => {
  const page = await browser.newPage();
  const faults = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(`${shops.whole.home}/checkout`);
  const [terms] = await Promise.all([browser.waitForEvent('page'), page.locator('#terms').click()]);
  await terms.waitForURL('**/blank');
  await terms.close();
  const opened = await Promise.all([browser.waitForEvent('page'), page.evaluate(() => globalThis.open('/blank') === null)]);
  await opened[0].close();
  const text = await page.evaluate(() => {
    const frame = document.createElement('iframe');
    document.body.append(frame);
    frame.contentDocument.body.append('words');
    const list = document.createElement('ul');
    list.innerHTML = '<li>a</li>';
    list.append('b', document.createElement('li'));
    document.body.replaceChildren(list, ...document.body.childNodes);
    return `${frame.contentDocument.body?.textContent} ${list.childNodes.length} ${window.length}`;
  });
  assert.equal(text, ' 3 1');
  await page.locator('#card').fill('nothing');
  await page.locator('#pay').focus();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/blank');
  assert.deepEqual(faults.filter((fault) => !/404/.test(fault)), []);
  await page.close();
});
