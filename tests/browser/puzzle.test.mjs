// The puzzle that a form bears when much is going on: solved by the page's own script, in a worker, while somebody types.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { sampleShop } from './lib/stand.mjs';

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
