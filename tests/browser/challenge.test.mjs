// The page with the puzzle that stands in the shop's place: who gets there by what a page made their browser do, how the browser
// gets them out, and what it says where no script runs.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { runInFrontOf } from './lib/stand.mjs';

const page = (body) => `<!doctype html><html lang="en"><title>Shop</title><h1>A small shop</h1>${body}`;
/** What somebody wrote as a review. Each is asked for by every reader's browser, and none is there for anybody. */
const REVIEW = Array.from({ length: 40 }, (_, n) => `<img alt="" src="/.env?${n}">`).join('');

let shop;
let stand;
let browser;

before(async () => {
  shop = http.createServer((asked, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    answer.end(page(asked.url === '/review' ? REVIEW : '<p>Welcome</p>'));
  });
  await new Promise((done) => shop.listen(0, '127.0.0.1', done));
  // This machine is never banned by itself: here it is a customer like any other.
  stand = await runInFrontOf(`http://127.0.0.1:${shop.address().port}`, '[bans]\nnever_block = []\n');
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  shop?.close();
});

const at = (path) => new URL(path, stand.ready.shop).href;
const title = (page) => page.getByRole('heading', { name: 'One moment, please' });

test('whoever reads a page full of bad pictures solves a puzzle, and no more', async () => {
  const { page, context, faults } = await browser.visitor();
  await page.goto(at('/'));
  await page.getByRole('heading', { name: 'A small shop' }).waitFor();
  await page.goto(at('/review'));
  // The script is held back, so that the page can be looked at while it works.
  let release;
  const held = new Promise((done) => (release = done));
  await page.route('**/.storeward/puzzle.js', async (route) => {
    await held;
    await route.continue();
  });
  let status = 200;
  for (let tries = 0; tries < 50 && status === 200; tries += 1) {
    const answer = await page.goto(at('/cart'), { waitUntil: 'commit' });
    status = answer.status();
  }
  assert.equal(status, 429, 'it is no ban, and it comes');
  await title(page).waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const size of [PHONE, DESKTOP]) {
      await page.setViewportSize(size);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} px too wide at ${size.width}`);
      await picture(page, `puzzle-page-${size.width}-${colorScheme}-${database}`);
    }
    assert.deepEqual(await violations(page), [], colorScheme);
  }
  release();
  // Nothing was clicked.
  await page.getByRole('heading', { name: 'A small shop' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/cart', 'where they were going');
  const answer = await page.goto(at('/'));
  assert.equal(answer.status(), 200, 'and on they go');
  const own = faults.filter((fault) => !/40[34]|429|Failed to load resource/.test(fault));
  assert.deepEqual(own, []);
  await context.close();
});

test('where no script runs the page says what is left to do', async () => {
  // The same address is still asked; this browser has no pass.
  const { page, context } = await browser.visitor({ javaScriptEnabled: false });
  const answer = await page.goto(at('/'));
  assert.equal(answer.status(), 429);
  await title(page).waitFor();
  const left = page.locator('noscript p');
  assert.equal(await left.isVisible(), true);
  assert.match(await left.innerText(), /runs no scripts here.*come back in an hour.*reference number/s);
  assert.match(await page.locator('main, body').first().innerText(), /req_|[0-9a-z]{4} [0-9a-z]{4}/, 'a reference to be told');
  assert.equal(await page.getByText('Your browser is at work').isVisible(), false);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const size of [PHONE, DESKTOP]) {
      await page.setViewportSize(size);
      await picture(page, `puzzle-no-script-${size.width}-${colorScheme}-${database}`);
    }
  }
  await context.close();
});

test('a forged answer lets nobody in', async () => {
  // The request beside the page goes by Node, which does not know the browser's store of certificates.
  const { page, context } = await browser.visitor({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
  await page.goto(at('/'));
  await title(page).waitFor();
  const forged = await page.request.post(at('/.storeward/pass'), { form: { answer: 'eyJjIjoieCJ9' } });
  assert.equal(forged.status(), 403);
  assert.equal((await page.goto(at('/'))).status(), 429);
  await context.close();
});
