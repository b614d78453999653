// Guidance in Chromium: the check-up on a real account, a lesson with its questions, and a mail's code looked up.
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

/** The newest mail to this address, once there are as many as `count`. */
async function mail(address, count) {
  for (let tries = 0; tries < 400; tries += 1) {
    const names = (await readdir(stand.ready.messages)).filter((name) => name.endsWith('.txt')).sort();
    const all = await Promise.all(names.map((name) => readFile(path.join(stand.ready.messages, name), 'utf8')));
    const own = all.filter((text) => text.startsWith(`Mail to ${address}`));
    if (own.length >= count) return own.at(-1);
    await sleep(50);
  }
  throw new Error(`no mail number ${count} to ${address}`);
}

/** The code below a mail, by which it can be looked up. */
const checkIn = (text) => /\b([0-9A-Z]{4}-[0-9A-Z]{4})\b/.exec(text.split('-- ').at(-1))[1];

async function signUp(page, address) {
  await page.goto(at('sign-up'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Go on' }).click();
  const letter = await mail(address, 1);
  await page.getByLabel('Code from the e-mail').fill(/^ {4}(\d{8})$/m.exec(letter)[1]);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  return letter;
}

test('the check-up names what is missing, and a lesson takes one thing off it', async () => {
  const { page, context, faults } = await browser.visitor();
  await signUp(page, 'cleo@people.example');
  await page.getByRole('heading', { name: 'Add a passkey' }).waitFor();
  assert.ok((await page.locator('.checkup .actions li').count()) <= 3);
  const before = await page.locator('.ring-text').textContent();
  await picture(page, `guide-checkup-${database}`);
  await page.getByRole('link', { name: /Do it now.*Spot a false message/ }).click();
  await page.getByRole('heading', { name: /Is this message really from Larkmoor/ }).waitFor();
  await page.getByRole('link', { name: 'To the 90-second quiz' }).click();
  await page.getByRole('heading', { name: /90 seconds/ }).waitFor();
  const groups = page.locator('fieldset');
  assert.equal(await groups.count(), 5);
  // The third one is answered wrongly, and explains itself.
  for (const [number, answer] of ['It is from', 'It is false', 'It is from', 'It is from', 'It is false'].entries()) {
    await groups.nth(number).getByLabel(answer).check();
  }
  await page.getByRole('button', { name: 'Show me the answers' }).click();
  await page.getByText('4 of 5 right').waitFor();
  await page.getByText('Small fees for parcels are bait').waitFor();
  await page.getByText('We remember that you did this.').waitFor();
  await page.goto(at('account'));
  const after = await page.locator('.ring-text').textContent();
  assert.equal(Number.parseInt(after, 10), Number.parseInt(before, 10) + 1);
  await page.getByRole('button', { name: 'I looked it over' }).click();
  await page.getByText('You last looked it over on').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('a mail is looked up by its code: by its recipient, by somebody else, by nobody in particular', async () => {
  const owner = await browser.visitor();
  const code = checkIn(await signUp(owner.page, 'dora@people.example'));
  const ask = async (page, text) => {
    await page.goto(at('messages'));
    await page.getByLabel('Code, or the whole message').fill(text);
    await page.getByRole('button', { name: 'Look it up' }).click();
  };
  await ask(owner.page, code.toLowerCase().replace('-', ' '));
  await owner.page.getByRole('heading', { name: 'We wrote this to you' }).waitFor();
  await owner.page.locator('.told').getByText('Your code for Larkmoor').waitFor();
  await owner.page.getByRole('heading', { name: 'What we wrote to you' }).waitFor();

  const other = await browser.visitor();
  await signUp(other.page, 'emil@people.example');
  await ask(other.page, `Hello! Your parcel waits. ${code}`);
  await other.page.getByRole('heading', { name: 'somebody else' }).waitFor();
  assert.equal(await other.page.locator('.told').count(), 0);

  const stranger = await browser.visitor({ javaScriptEnabled: false });
  await ask(stranger.page, code);
  await stranger.page.getByRole('heading', { name: 'We wrote a message with this code' }).waitFor();
  assert.ok(!(await stranger.page.content()).includes('Your code for Larkmoor'));
  await ask(stranger.page, 'ZZZZ-ZZZZ');
  await stranger.page.getByRole('heading', { name: 'We know no message' }).waitFor();

  // A reported one is shown to nobody as more than text.
  await stranger.page.getByRole('link', { name: 'Report a false message' }).first().click();
  await stranger.page.getByLabel('Paste the message').fill('<script>alert(1)</script> https://larkmoor.example.evil.example/pay');
  await stranger.page.getByRole('button', { name: 'Report it' }).click();
  await stranger.page.getByRole('heading', { name: 'Thank you' }).waitFor();
  assert.deepEqual([...owner.faults, ...other.faults, ...stranger.faults], []);
  await Promise.all([owner.context.close(), other.context.close(), stranger.context.close()]);
});

test('reminders are chosen, and the facts and security.txt are there for everybody', async () => {
  const { page, context, faults } = await browser.visitor();
  await signUp(page, 'fred@people.example');
  await page.getByRole('link', { name: 'Reminders' }).click();
  await page.getByLabel('Refresh the lessons').uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  assert.equal(await page.getByLabel('Refresh the lessons').isChecked(), false);
  assert.equal(await page.getByLabel('Look over how I sign in').isChecked(), true);
  await page.getByRole('link', { name: 'How we protect you' }).click();
  await page.getByText('The certificate is valid until').waitFor();
  await page.getByText('HSTS is not switched on.').waitFor();
  await page.goto(new URL('.well-known/security.txt', stand.ready.shop).href);
  const text = await page.locator('body').innerText();
  for (const line of ['Contact: mailto:security@larkmoor.example', 'Expires: ', 'Preferred-Languages: en, de, fr, es', 'Canonical: https://localhost']) {
    assert.ok(text.includes(line), text);
  }
  assert.deepEqual(faults, []);
  await context.close();
});

const LOOKS = [
  { screen: 'phone', viewport: PHONE, colorScheme: 'light' },
  { screen: 'phone', viewport: PHONE, colorScheme: 'dark' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'light' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'dark' },
];
const PAGES = [
  'account',
  'learn',
  'learn/passwords',
  'learn/phishing',
  'learn/payment',
  'learn/passwords/quiz',
  'learn/phishing/quiz',
  'messages',
  'messages/report',
  'reminders',
  'trust',
  'unsubscribe',
];

test('WCAG 2.2 AA by axe, phone and desktop, light and dark', async (t) => {
  const first = await browser.visitor();
  await signUp(first.page, 'gwen@people.example');
  const storageState = await first.context.storageState();
  await first.context.close();
  for (const { screen, ...look } of LOOKS) {
    for (const where of PAGES) {
      await t.test(`${where}, ${screen}, ${look.colorScheme}`, async () => {
        const { page, context } = await browser.visitor({ ...look, storageState });
        await page.goto(at(where));
        await seen(page, `guide-${where.replaceAll('/', '-')}-${screen}-${look.colorScheme}`);
        if (where.endsWith('/quiz')) {
          await page.getByRole('button', { name: 'Show me the answers' }).click();
          await seen(page, `guide-${where.replaceAll('/', '-')}-answered-${screen}-${look.colorScheme}`);
        }
        await context.close();
      });
    }
  }
});

async function seen(page, name) {
  await picture(page, `${name}-${database}`);
  const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.deepEqual(await violations(page), []);
  assert.ok(width <= 0, `the page is ${width} px wider than the screen`);
}
