// The sample shop's own sign-in with a second step before it, as `storeward demo --shield` shows it.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { sleep } from './lib/processes.mjs';
import { sampleShop } from './lib/stand.mjs';

let stand;
let browser;

before(async () => {
  stand = await sampleShop(['--shield']);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
});

async function codes(count) {
  for (let tries = 0; tries < 400; tries += 1) {
    const names = (await readdir(stand.ready.messages)).filter((name) => name.endsWith('.txt')).sort();
    const texts = await Promise.all(names.map((name) => readFile(path.join(stand.ready.messages, name), 'utf8')));
    const found = texts.map((text) => /^ {4}(\d{8})$/m.exec(text)?.[1]).filter(Boolean);
    if (found.length >= count) return found;
    await sleep(50);
  }
  throw new Error(`no code number ${count}`);
}

async function signIn(page) {
  await page.goto(new URL('/account/sign-in', stand.ready.shop).href);
  await page.locator('[name=email]').first().fill(stand.ready.customer.email);
  await page.locator('[name=password]').first().fill(stand.ready.customer.password);
  await page.locator('form:has([name=password]) button').first().click();
}

test('a customer of the shop meets one step more, and none on a trusted device', async () => {
  const { page, context, faults } = await browser.visitor();
  await signIn(page);
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  await picture(page, `shield-challenge-${database}`);
  await page.getByLabel('Code from the e-mail').fill((await codes(1)).at(-1));
  await page.getByLabel(/Do not ask again/).check();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText(stand.ready.customer.email).first().waitFor();
  assert.ok(!(await context.cookies()).some((cookie) => cookie.name === 'shop_session'));
  // Signed out at the shop; the device is known.
  await page.goto(new URL('/account', stand.ready.shop).href);
  await page.locator('form[action*="sign-out"] button').first().click();
  await signIn(page);
  await page.getByText(stand.ready.customer.email).first().waitFor();
  assert.equal((await codes(1)).length, 1);
  assert.deepEqual(faults, []);
  await context.close();
});

test('on a phone in the dark, without script, the password alone shows nothing', async () => {
  const { page, context } = await browser.visitor({ viewport: PHONE, colorScheme: 'dark', javaScriptEnabled: false });
  await signIn(page);
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  await picture(page, `shield-challenge-phone-dark-${database}`);
  for (const place of ['/account', '/account/orders', '/account/addresses', '/checkout']) {
    await page.goto(new URL(place, stand.ready.shop).href);
    await page.getByRole('heading', { name: 'One more step' }).waitFor();
    assert.ok(!(await page.content()).includes(stand.ready.customer.email), place);
  }
  await context.close();
});

// Whoever knows the password uses the letters up; the owner is told the truth, and gets one all the same.
test('where no e-mail goes out the page says so, and a puzzle sends one at once', async () => {
  // This network is known by the tests before: it has letters of its own beside those of the address.
  let last;
  for (let times = 0; times < 14; times += 1) {
    await last?.context.close();
    last = await browser.visitor({ viewport: PHONE });
    await signIn(last.page);
    await last.page.getByRole('heading', { name: 'One more step' }).waitFor();
    if (await last.page.getByText(/No e-mail was sent now/).count()) break;
  }
  const before = (await codes(1)).length;
  await last.page.getByText(/No e-mail was sent now/).waitFor();
  assert.deepEqual(await violations(last.page), []);
  await picture(last.page, `shield-no-mail-phone-${database}`);
  await last.page.emulateMedia({ colorScheme: 'dark' });
  await last.page.setViewportSize({ width: 1280, height: 900 });
  await picture(last.page, `shield-no-mail-dark-${database}`);
  await last.page.getByRole('button', { name: 'Send a code' }).click();
  await last.page.getByText('A new code is on its way.').waitFor();
  await last.page.getByLabel('Code from the e-mail').fill((await codes(before + 1)).at(-1));
  await last.page.getByRole('button', { name: 'Go on' }).click();
  await last.page.getByText(stand.ready.customer.email).first().waitFor();
  assert.deepEqual(last.faults, []);
  await last.context.close();
  // Without a script it is told when the next one may go.
  for (let times = 0; times < 14; times += 1) {
    last = await browser.visitor({ javaScriptEnabled: false });
    await signIn(last.page);
    await last.page.getByRole('heading', { name: 'One more step' }).waitFor();
    if (await last.page.getByText(/The next one can go out/).count()) break;
    await last.context.close();
  }
  await last.page.getByText(/The next one can go out in (one|\d+) (second|minute)s?/).waitFor();
  await picture(last.page, `shield-no-mail-no-script-${database}`);
  await last.context.close();
});
