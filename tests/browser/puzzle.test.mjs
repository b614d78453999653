// The puzzle that a form bears when much is going on: solved by the page's own script, in a worker, while somebody types.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { runInFrontOf, sampleShop } from './lib/stand.mjs';

let stand;
let browser;

before(async () => {
  stand = await sampleShop();
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
});

const at = (where) => new URL(`.storeward/${where}`, stand.ready.shop).href;

async function signIn(page) {
  await page.getByLabel('E-mail address').fill('nobody@people.example');
  await page.getByLabel('Password', { exact: true }).fill('not the right one');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForLoadState();
}

test('a form of a warm network is solved by the browser, and goes on without script', async () => {
  const { page, context, faults } = await browser.visitor();
  await page.goto(at('sign-in'));
  const puzzle = page.locator('input[name=altcha]');
  for (let tries = 0; tries < 12 && (await puzzle.count()) === 0; tries += 1) await signIn(page);
  assert.equal(await puzzle.count(), 1, 'twelve wrong passwords warm no form');
  await page.waitForFunction(() => document.querySelector('input[name=altcha]').value !== '');
  const solved = await puzzle.inputValue();
  assert.ok(solved.length > 40, solved);
  for (const size of [PHONE, DESKTOP]) {
    await page.setViewportSize(size);
    await picture(page, `puzzle-form-${size.width}-${database}`);
  }
  assert.deepEqual(await violations(page), []);
  // It is spent with the form: the next page has another.
  await signIn(page);
  if ((await puzzle.count()) === 1) {
    await page.waitForFunction(() => document.querySelector('input[name=altcha]').value !== '');
    assert.notEqual(await puzzle.inputValue(), solved);
  }
  // A wrong password is an answer of its own, which the browser tells in red.
  const own = faults.filter((fault) => !fault.startsWith('answer') && !fault.includes('Failed to load resource'));
  assert.deepEqual(own, []);
  await context.close();
});

/** Asks for the page until the answer is the puzzle; many times faster than anybody reads. */
async function flood(home, ca) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: await readFile(ca) });
  const ask = () =>
    new Promise((resolve, reject) => {
      https
        .get(home, { agent, headers: { accept: 'text/html' } }, (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve(text));
        })
        .on('error', reject);
    });
  try {
    for (let tries = 0; tries < 2_000; tries += 1) {
      const answers = await Promise.all([ask(), ask(), ask(), ask()]);
      if (answers.some((text) => text.includes('data-puzzle'))) return;
    }
  } finally {
    agent.destroy();
  }
  throw new Error('eight thousand requests led to no puzzle');
}

test('whoever floods meets a page that everybody can use', async (t) => {
  const shop = http.createServer((request, answer) => answer.setHeader('content-type', 'text/html').end('<h1>The shop</h1>'));
  await new Promise((resolve) => shop.listen(0, '127.0.0.1', resolve));
  const more = '[bans]\nnever_block = []\n[limits]\nrequests_per_second = 1\nrequest_burst = 1\n';
  const flooded = await runInFrontOf(`http://127.0.0.1:${shop.address().port}`, more);
  const visitors = await open(flooded.ready.ca);
  try {
    await flood(flooded.ready.shop, flooded.ready.ca);
    for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
      for (const colorScheme of ['light', 'dark']) {
        await t.test(`${screen}, ${colorScheme}`, async () => {
          const { page, context } = await visitors.visitor({ viewport, colorScheme });
          // The script that solves it does not come, so that the page stays.
          await page.route('**/puzzle*.js', (route) => route.abort());
          const answer = await page.goto(flooded.ready.shop);
          assert.equal(answer.status(), 429);
          await picture(page, `puzzle-page-${screen}-${colorScheme}-${database}`);
          const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.deepEqual(await violations(page), []);
          assert.ok(width <= 0, `the page is ${width} px wider than the screen`);
          await context.close();
        });
      }
    }
  } finally {
    await visitors.close();
    await flooded.stop();
    shop.closeAllConnections();
    shop.close();
  }
});
