// What tries to undo the checkout guard, on a shop's paying page behind Storeward that is held to what was approved, in a Chromium whose own
// list of hosts was taken away: fresh natives, changed natives, links, windows, the way back. Each would get through without the guard's tag.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { payingPlace, until } from './lib/paying.mjs';
import { sleep } from './lib/processes.mjs';

let place;
let browsers;
let tricks;
let edges;
let known;

before(async () => {
  place = await payingPlace();
  ({ browsers, skimmers: { tricks, edges, known } } = place);
  const page = await browsers.old.newPage();
  await page.goto(guarded());
  await page.close();
  await place.hold();
});

after(() => place?.stop());

const guarded = () => place.guarded();
const through = (...given) => place.through(...given);
const listed = (...words) => place.listed(...words);

test('nothing undoes the guard: fresh natives, changed natives, links, windows, the nonce', async () => {
  assert.deepEqual(await through(browsers.old, guarded(), tricks), []);
  await place.told(['link-by-hand', 'passkey-told-of'], ['popup blocked evil.test', 'credentials blocked stripe.com']);
});

test('nor do the end of the stack and what a page’s own policy makes of a text', async () => {
  assert.deepEqual(await through(browsers.old, guarded(), edges), []);
  // Where no listener has the room to run, only the browser's own list stops the page from being led away (docs/checkout.md, "Not stopped").
  assert.deepEqual(await through(browsers.whole, guarded(), known), []);
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

/** How often it was told. What an earlier test did is no word of this one; of two browsers on one day the first tells. */
const backs = (alerts) => alerts.filter(({ what }) => what.trim() === 'navigate blocked').reduce((sum, { count }) => sum + count, 0);

test('a page goes back to no other host’s, and its name is told nobody there', async () => {
  const before = backs(await listed('alerts'));
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
    }, (alerts) => backs(alerts) > before);
    await page.close();
  }
});

test('what is written by halves is looked at as a whole, whoever writes the first half meanwhile', async () => {
  const halves = {
    'while the other is read': () => document.write({ toString: () => (document.write('<ifr'), 'ame></iframe><x-half></x-half>') }),
    'while a policy is asked about the other': () => {
      const second = 'ame></iframe><x-half></x-half>';
      const createHTML = (text) => {
        if (text === second) document.write('<ifr');
        return text;
      };
      trustedTypes.createPolicy('default', { createHTML });
      document.head.append(Object.assign(document.createElement('meta'), { httpEquiv: 'Content-Security-Policy', content: "require-trusted-types-for 'script'" }));
      document.write(second);
    },
  };
  for (const [how, act] of Object.entries(halves)) {
    for (const [browser, frames] of [[browsers.bare, 1], [browsers.old, 0]]) {
      const page = await browser.newPage();
      await page.goto(guarded());
      await page.evaluate(() => customElements.define('x-half', class extends HTMLElement {}));
      await page.evaluate(act);
      assert.equal(await page.evaluate(() => document.querySelectorAll('iframe').length), frames, how);
      await page.close();
    }
  }
});

test('where there is no room to look, nothing goes on: in Firefox’s words, too', async () => {
  const page = await browsers.old.newPage();
  await page.addInitScript(() => {
    window.InternalError = class InternalError extends Error {};
    const construct = (of, args) => {
      if (window.isFull) throw new window.InternalError('too much recursion');
      return Reflect.construct(of, args);
    };
    window.URL = new Proxy(URL, { construct });
  });
  await page.goto(guarded());
  const opened = (isFull) => page.evaluate((full) => {
    window.isFull = full;
    try {
      return `${window.open('/blank')}`;
    } catch (fault) { return fault.constructor.name; }
  }, isFull);
  assert.deepEqual([await opened(false), await opened(true)], ['null', 'InternalError']);
  for (const open of browsers.old.pages().slice(1)) await open.close();
});

test('those would get through otherwise', async () => {
  // The policies refuse these by themselves: workers, files by a nonce that was stolen, a way to a window that went to a page like any other.
  const refused = ['worker-of-text', 'window-that-opened-this', ...tricks.filter((trick) => trick.startsWith('nonce-'))];
  const some = [...tricks, ...edges, ...known].filter((trick) => !refused.includes(trick));
  const out = await through(browsers.bare, guarded(), some, { patience: 60_000, atOnce: 5 });
  assert.deepEqual(out, some.sort(), 'some do not even work without the guard');
});
