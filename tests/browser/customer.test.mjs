// A customer's account in Chromium: opened by a mailed code, made safe with a passkey and an app, lost and found.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { device } from './lib/device.mjs';
import { database } from './lib/paths.mjs';
import { sleep } from './lib/processes.mjs';
import { sampleShop } from './lib/stand.mjs';
import { Authenticator } from './lib/totp.mjs';

const PASSWORD = 'lamp post umbrella tea';
const OTHER = 'seven grey herons wade';

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

/** What the newest mail to this address says, once there are as many as `count`. */
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

const codeIn = (text) => /^ {4}(\d{8})$/m.exec(text)[1];

async function signUp(page, address) {
  await page.goto(at('sign-up'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Code from the e-mail').fill(codeIn(await mail(address, 1)));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
}

async function signIn(page, address, password) {
  await page.goto(at('sign-in'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

test('a passkey is added by a button and signs in without anything typed', async () => {
  const { page, context, faults } = await browser.visitor();
  const owner = await device(page);
  await signUp(page, 'ada@people.example');
  await picture(page, `customer-account-${database}`);
  await page.getByRole('link', { name: 'Add a passkey', exact: true }).click();
  await page.getByLabel('What you want to call it').fill('My telephone');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('Your passkey is added.').waitFor();
  await page.getByText('My telephone').waitFor();
  // Nothing answers while the page is left, or the offer in the e-mail field would sign in at once.
  await owner.present(false);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByText('You are signed out.').waitFor();
  // Conditional: the browser offers the passkey by itself, and the owner takes it. The page that said "signed out" offers too, and
  // would go on by itself while this one is asked for: it is left first.
  await page.goto('about:blank');
  await owner.present(true);
  await page.goto(at('sign-in'), { waitUntil: 'commit' });
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  // By the button, in a browser that makes no offers.
  await page.addInitScript(() => {
    globalThis.PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  });
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByText('You are signed out.').waitFor();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('with an app, a password alone opens nothing', async () => {
  const { page, context, faults } = await browser.visitor();
  await signUp(page, 'abe@people.example');
  await page.getByRole('link', { name: 'Add an authenticator app' }).click();
  await page.getByRole('button', { name: 'Begin' }).click();
  const app = new Authenticator(await page.locator('code.long').innerText());
  await picture(page, `customer-totp-${database}`);
  await page.getByLabel('Type the code that the app shows').fill(await app.next());
  await page.getByRole('button', { name: 'Add the app' }).click();
  await page.getByText('Your authenticator app is added.').waitFor();
  await page.getByRole('link', { name: 'New codes' }).click();
  await page.getByRole('button', { name: 'Make codes' }).click();
  const codes = await page.locator('.codes code').allInnerTexts();
  assert.equal(codes.length, 8);
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save as a file' }).click();
  const file = await readFile(await (await saved).path(), 'utf8');
  assert.ok(codes.every((code) => file.includes(code)), file);

  const elsewhere = await browser.visitor();
  await signIn(elsewhere.page, 'abe@people.example', PASSWORD);
  await elsewhere.page.getByLabel('Code from your authenticator app').fill(await app.next());
  await elsewhere.page.getByLabel('Do not ask again on this device').check();
  await picture(elsewhere.page, `customer-challenge-${database}`);
  await elsewhere.page.getByRole('button', { name: 'Go on' }).first().click();
  await elsewhere.page.getByRole('heading', { name: 'Security centre' }).waitFor();
  // A trusted device is asked for the password only.
  await elsewhere.page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await signIn(elsewhere.page, 'abe@people.example', PASSWORD);
  await elsewhere.page.getByRole('heading', { name: 'Security centre' }).waitFor();

  // "This wasn't me", from the letter about the new device.
  const letter = await mail('abe@people.example', 4);
  const link = /https:\/\/\S+not-me\?t=[0-9a-f]{64}/.exec(letter)[0];
  const owner = await browser.visitor();
  await owner.page.goto(link);
  await owner.page.getByRole('button', { name: 'It was not me' }).click();
  await owner.page.getByText('Everybody is signed out').waitFor();
  await elsewhere.page.goto(at('account'));
  await elsewhere.page.getByLabel('Password', { exact: true }).waitFor();
  assert.deepEqual([...faults, ...elsewhere.faults, ...owner.faults], []);
  await Promise.all([context.close(), elsewhere.context.close(), owner.context.close()]);
});

test('everything but passkeys works without script', async () => {
  const { page, context } = await browser.visitor({ javaScriptEnabled: false });
  await signUp(page, 'eve@people.example');
  await page.goto(at('account/passkey'));
  await page.getByText('Passkeys need JavaScript').waitFor();
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  await page.getByLabel('E-mail address').fill('eve@people.example');
  await page.getByRole('button', { name: 'Send the code' }).click();
  await page.getByLabel('Code from the e-mail').fill(codeIn(await mail('eve@people.example', 2)));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('New password').fill(OTHER);
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByText('Your new password is set.').waitFor();
  await signIn(page, 'eve@people.example', OTHER);
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  await context.close();
});

test('guidance follows what is typed, from our own server, and nobody needs it', async () => {
  const { page, context, faults } = await browser.visitor();
  const asked = [];
  page.on('request', (request) => asked.push(request));
  await page.goto(at('sign-up'));
  await page.getByLabel('E-mail address').fill('kim@people.example');
  const field = page.getByLabel('New password');
  const words = page.locator('[data-meter-words]');
  for (const [typed, said] of [
    ['lamp', 'Use at least 15 characters'],
    ['kim@people.example', 'not your name, your e-mail'],
    ['qwertyuiopasdfgh', 'quickly guessed'],
    [PASSWORD, 'Very good.'],
  ]) {
    await field.fill('');
    await field.pressSequentially(typed);
    await words.filter({ hasText: said }).waitFor();
  }
  assert.equal(await page.locator('[data-meter-bar]').getAttribute('data-score'), '4');
  assert.equal(await words.getAttribute('aria-live'), 'polite');
  // Far fewer questions than keys, all to our own host, each of a length that tells nothing of the password's.
  const questions = asked.filter((request) => request.url().endsWith('/password-meter'));
  assert.ok(questions.length >= 4 && questions.length < 30, `${questions.length} questions`);
  assert.deepEqual([...new Set(questions.map((request) => request.postData().length))], [1024]);
  assert.ok(asked.every((request) => new URL(request.url()).host === new URL(stand.ready.shop).host));
  await page.getByRole('button', { name: 'Show the password' }).click();
  assert.equal(await field.getAttribute('type'), 'text');
  for (const [screen, size] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await picture(page, `customer-meter-${screen}-${colorScheme}-${database}`);
      assert.deepEqual(await violations(page), []);
    }
  }
  await page.getByRole('button', { name: 'Show the password' }).click();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Code from the e-mail').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('a session says when it began, in the language and the time of its reader', async () => {
  const { page, context, faults } = await browser.visitor({ locale: 'de-DE', timezoneId: 'Asia/Tokyo' });
  await page.goto(at('sign-up'));
  await page.locator('#email').fill('uta@people.example');
  await page.locator('#password').fill(PASSWORD);
  await page.locator('form button[type=submit]').last().click();
  await page.locator('#mail').fill(codeIn(await mail('uta@people.example', 1)));
  await page.locator('#mail').press('Enter');
  await page.locator('#sessions').waitFor();
  const began = page.locator('section[aria-labelledby=sessions] time[data-local=minute]').first();
  const shown = new Intl.DateTimeFormat('de-DE', { dateStyle: 'long', timeStyle: 'short', timeZone: 'Asia/Tokyo' });
  assert.equal(await began.innerText(), shown.format(new Date(await began.getAttribute('datetime'))));
  assert.match(await began.getAttribute('title'), /^\d+\. \S+ \d{4}, \d\d:\d\d UTC$/);
  assert.deepEqual(faults, []);
  await context.close();
});

const LOOKS = [
  { screen: 'phone', viewport: PHONE, colorScheme: 'light' },
  { screen: 'phone', viewport: PHONE, colorScheme: 'dark' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'light' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'dark' },
];

test('WCAG 2.2 AA by axe, phone and desktop, light and dark', async (t) => {
  const first = await browser.visitor();
  await signUp(first.page, 'axe@people.example');
  const storageState = await first.context.storageState();
  await first.context.close();
  for (const { screen, ...look } of LOOKS) {
    for (const where of ['sign-in', 'sign-up', 'recover', 'account', 'account/totp', 'account/passkey', 'account/codes', 'account/password', 'not-me', 'nothing']) {
      await t.test(`${where}, ${screen}, ${look.colorScheme}`, async () => {
        const { page, context } = await browser.visitor({ ...look, storageState, locale: screen === 'phone' ? 'de' : 'en' });
        await page.goto(at(where));
        await picture(page, `axe-customer-${where.replaceAll('/', '-')}-${screen}-${look.colorScheme}-${database}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        const found = await violations(page);
        await context.close();
        assert.deepEqual(found, []);
        assert.ok(width <= 0, `the page is ${width} px wider than the screen`);
      });
    }
  }
});
