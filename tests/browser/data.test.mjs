// Customers' data at the console: found, opened for a purpose, explained, on record; without script, by axe, on phone and desktop.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { enrol } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';

let stand;
let browser;
let storageState;

before(async () => {
  stand = await sampleShop();
  browser = await open(stand.ready.ca);
  const { page, context } = await browser.visitor();
  await enrol(page, stand.ready);
  storageState = await context.storageState();
  await context.close();
});

after(async () => {
  await browser?.close();
  await stand?.stop();
});

/** From the start page to one customer, opened for support. */
async function openCustomer(page) {
  await page.goto(new URL('/data', stand.ready.console).href);
  await page.getByLabel('By').selectOption('contact.email');
  await page.getByLabel('Value').fill(stand.ready.customer.email.toUpperCase());
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('heading', { name: 'A customer\'s data' }).waitFor();
  assert.ok(!(await page.content()).includes(stand.ready.customer.email), 'something is shown before a purpose is stated');
  await page.getByLabel('What for?').selectOption('support');
  await page.getByLabel('Addresses').check();
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByText('Opened for: Answer the customer').waitFor();
}

test('the owner opens a customer of the shop, without script, and it is on record', async () => {
  const { page, context, faults } = await browser.visitor({ storageState, javaScriptEnabled: false });
  await openCustomer(page);
  await page.getByText(stand.ready.customer.email).waitFor();
  await page.getByText('Why was this allowed?').first().click();
  await page.getByText('The owner sees what the shop\'s work needs.').first().waitFor();
  assert.ok(!page.url().includes('@'), 'a value stands in the address');
  await page.getByRole('link', { name: 'Who saw it' }).click();
  await page.getByRole('heading', { name: 'Who saw whom' }).waitFor();
  assert.ok((await page.getByText('Ada Keeper').count()) > 1, 'the list names who looked');
  assert.ok(!(await page.content()).includes(stand.ready.customer.email), 'a value stands in the list');

  await openCustomer(page);
  const copy = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  const kept = JSON.parse(await readFile(await (await copy).path(), 'utf8'));
  assert.ok(kept.some((one) => one.field === 'email' && one.value === stand.ready.customer.email));
  assert.deepEqual(faults, []);
  await context.close();
});

for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`the pages of customers' data, ${screen}, ${colorScheme}`, async () => {
      const { page, context, faults } = await browser.visitor({ storageState, viewport, colorScheme });
      const look = async (name) => {
        await picture(page, `axe-data-${name}-${screen}-${colorScheme}-${database}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.deepEqual(await violations(page), [], name);
        assert.ok(width <= 0, `${name} is ${width} px wider than the screen`);
      };
      await page.goto(new URL('/data', stand.ready.console).href);
      await look('start');
      await openCustomer(page);
      await look('opened');
      for (const place of ['seen', 'rules']) {
        await page.goto(new URL(`/data/${place}`, stand.ready.console).href);
        await look(place);
      }
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

// The last: the customer is gone afterwards.
test('a customer is erased for good', async () => {
  const { page, context } = await browser.visitor({ storageState, javaScriptEnabled: false });
  await openCustomer(page);
  const address = page.url().replace(/\/open$/, '');
  await page.getByLabel('Erase for good').fill('erase');
  await page.getByRole('button', { name: 'Erase', exact: true }).click();
  await page.getByText('The customer is erased').waitFor();
  await page.goto(address);
  await page.getByRole('heading', { name: 'Erased' }).waitFor();
  await page.goto(new URL('/data', stand.ready.console).href);
  await page.getByLabel('Value').fill(stand.ready.customer.email);
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByText('Nobody has exactly this value.').waitFor();
  await context.close();
});
