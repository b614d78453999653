// What a customer sees of what the shop keeps, in Chromium: their own and nobody else's; a copy, an end of the use, an erasure.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { sleep } from './lib/processes.mjs';
import { sampleShop } from './lib/stand.mjs';

const PASSWORD = 'lamp post umbrella tea';

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

/** The code of the newest mail to this address. */
async function code(address) {
  for (let tries = 0; tries < 400; tries += 1) {
    const names = (await readdir(stand.ready.messages)).filter((name) => name.endsWith('.txt')).sort();
    const all = await Promise.all(names.map((name) => readFile(path.join(stand.ready.messages, name), 'utf8')));
    const own = all.filter((text) => text.startsWith(`Mail to ${address}`));
    const found = own.map((text) => /^ {4}(\d{8})$/m.exec(text)).filter(Boolean).at(-1);
    if (found) return found[1];
    await sleep(50);
  }
  throw new Error(`no code for ${address}`);
}

async function signUp(page, address) {
  await page.goto(at('sign-up'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Code from the e-mail').fill(await code(address));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
}

test('a stranger sees nothing, and somebody else nothing of the customer', async () => {
  const { page, context } = await browser.visitor({ javaScriptEnabled: false });
  await page.goto(at('data'));
  assert.match(new URL(page.url()).pathname, /sign-in$/);
  await signUp(page, 'eve@people.example');
  await page.goto(at('data'));
  await page.getByText('Nothing is kept under your confirmed e-mail address.').waitFor();
  assert.ok(!(await page.content()).includes(stand.ready.customer.email));
  await context.close();
});

test('a customer sees what is kept, takes a copy, stops its use and erases it', async () => {
  const address = stand.ready.customer.email;
  const { page, context, faults } = await browser.visitor();
  await signUp(page, address);
  await page.getByRole('link', { name: 'Your data' }).click();
  await page.getByRole('heading', { name: /keeps of you/ }).waitFor();
  await page.getByText(address).first().waitFor();
  assert.ok(!(await page.getByText('<time').count()), 'markup stands there as text');
  const storageState = await context.storageState();
  for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    for (const colorScheme of ['light', 'dark']) {
      const looked = await browser.visitor({ storageState, viewport, colorScheme });
      await looked.page.goto(at('data'));
      await picture(looked.page, `axe-own-data-${screen}-${colorScheme}-${database}`);
      const width = await looked.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.deepEqual(await violations(looked.page), [], `${screen}, ${colorScheme}`);
      assert.ok(width <= 0, `${screen}: ${width} px wider than the screen`);
      await looked.context.close();
    }
  }
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Copy as CSV' }).click();
  const copy = await readFile(await (await saved).path(), 'utf8');
  assert.ok(copy.startsWith('collection,item,field,value,from,written_at,shown\r\n') && copy.includes(`"${address}"`), copy);
  // A value put right, and one that does not fit.
  const street = page.locator('li').filter({ hasText: 'Street' }).first();
  await street.getByText('Put right').click();
  await street.getByLabel(/The right value: Street/).fill('1 Harbour Lane');
  await street.getByRole('button', { name: 'Save' }).click();
  await page.getByText('It is put right.').waitFor();
  await page.getByText('1 Harbour Lane').waitFor();
  const name = page.locator('li').filter({ hasText: 'Name' }).first();
  await name.getByText('Put right').click();
  await name.getByLabel(/The right value: Name/).fill('4111 1111 1111 1111');
  await name.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Nothing was changed: what you typed does not fit Name.').waitFor();
  assert.equal(await page.locator('li').filter({ hasText: 'E-mail address' }).first().getByText('Put right').count(), 0);
  // An objection, and a request with its clock.
  await page.getByRole('button', { name: 'Object to marketing' }).click();
  await page.getByText('It is taken down, and counts from now on.').waitFor();
  await page.getByText(/: objected \(for marketing/).waitFor();
  await page.getByLabel('What is it about?').selectOption('portability');
  await page.getByLabel('In your words').fill('To my new shop, please');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/Data for another shop: answered by .* at the latest/).waitFor();
  await page.getByRole('button', { name: 'Stop the use' }).click();
  await page.getByText('The use is stopped.').first().waitFor();
  await page.getByRole('button', { name: 'Allow the use again' }).click();
  await page.getByLabel('Yes, erase it for good').check();
  await page.getByRole('button', { name: 'Erase', exact: true }).click();
  await page.getByText('Your data is erased. Your account here is closed, too.').waitFor();
  // Signed out, with the account.
  await page.goto(at('data'));
  assert.match(new URL(page.url()).pathname, /sign-in$/);
  assert.deepEqual(faults, []);
  await context.close();
});
