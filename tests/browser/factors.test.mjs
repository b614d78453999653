// Short messages, the way back of whoever lost everything, and staff's own passkeys, in Chromium. Messages go through the real
// outbox to a mail server and an SMS gateway on this machine, which the demo shows in its folder.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { pass } from './lib/clock.mjs';
import { device } from './lib/device.mjs';
import { Console } from './lib/pages.mjs';
import { database } from './lib/paths.mjs';
import { sleep } from './lib/processes.mjs';
import { enrol, PERSON } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';
import { Authenticator } from './lib/totp.mjs';

const PASSWORD = 'lamp post umbrella tea';
const HOURS_36 = 36 * 3600;

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

/** The newest message whose first line begins so, once there are as many as `count`. */
async function message(beginning, count) {
  for (let tries = 0; tries < 400; tries += 1) {
    const names = (await readdir(stand.ready.messages)).filter((name) => name.endsWith('.txt')).sort();
    const all = await Promise.all(names.map((name) => readFile(path.join(stand.ready.messages, name), 'utf8')));
    const own = all.filter((text) => text.startsWith(beginning));
    if (own.length >= count) return own.at(-1);
    await sleep(50);
  }
  throw new Error(`no message number ${count} that begins with ${beginning}`);
}

const mailed = async (address, count) => /^ {4}(\d{8})$/m.exec(await message(`Mail to ${address}`, count))[1];
const texted = async (number, count) => /#(\d{8})$/m.exec(await message(`Short message to ${number}`, count))[1];
const goOn = (page) => page.getByRole('button', { name: 'Go on' }).first().click();

async function signUp(page, address) {
  await page.goto(at('sign-up'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('New password').fill(PASSWORD);
  await goOn(page);
  await page.getByLabel('Code from the e-mail').fill(await mailed(address, 1));
  await goOn(page);
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
}

async function signIn(page, address) {
  await page.goto(at('sign-in'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function addApp(page) {
  await page.goto(at('account/totp'));
  await page.getByRole('button', { name: 'Begin' }).click();
  const app = new Authenticator(await page.locator('code.long').innerText());
  await page.getByLabel('Type the code that the app shows').fill(await app.next());
  await page.getByRole('button', { name: 'Add the app' }).click();
  await page.getByText('Your authenticator app is added.').waitFor();
  return app;
}

test('a mobile number is added by a code sent there, and opens the account on another device', async () => {
  const address = 'sam@people.example';
  const number = '+4915123456789';
  const { page, context, faults } = await browser.visitor();
  await signUp(page, address);
  await page.getByRole('link', { name: 'Add a mobile number' }).click();
  await page.getByLabel('Mobile number').fill('+49 151 2345 6789');
  await everywhere(page, 'customer-sms-number');
  await page.getByRole('button', { name: 'Send the code' }).click();
  await page.getByText('+49 ••• 89').waitFor();
  await page.getByLabel('Code from the short message').fill(await texted(number, 1));
  await everywhere(page, 'customer-sms-code');
  await page.getByRole('button', { name: 'Add the number' }).click();
  await page.getByText('Your mobile number is added.').waitFor();
  await message(`Mail to ${address}: A way to sign in was added`, 1);

  const elsewhere = await browser.visitor({ javaScriptEnabled: false });
  await signIn(elsewhere.page, address);
  await elsewhere.page.getByRole('button', { name: 'Send a code to +49 ••• 89' }).click();
  await elsewhere.page.getByText('A new code is on its way.').waitFor();
  await elsewhere.page.getByLabel('Code from the short message').fill(await texted(number, 2));
  await picture(elsewhere.page, `customer-challenge-sms-${database}`);
  await goOn(elsewhere.page);
  await elsewhere.page.getByRole('heading', { name: 'Security centre' }).waitFor();
  assert.deepEqual(faults, []);
  await Promise.all([context.close(), elsewhere.context.close()]);
});

/** "Forgot your password?" up to the mailed code. */
async function comeBack(page, address, count) {
  await page.goto(at('recover'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByRole('button', { name: 'Send the code' }).click();
  await page.getByLabel('Code from the e-mail').fill(await mailed(address, count));
  await goOn(page);
}

async function lose(page, address, count) {
  await comeBack(page, address, count);
  await page.getByText('I have lost all of these').click();
  await everywhere(page, `customer-lost-${count}`);
  await page.getByRole('button', { name: 'Begin the waiting time' }).click();
  await page.getByRole('heading', { name: 'The waiting time has begun' }).waitFor();
}

test('who lost everything waits, hears of it three times, and adds a new factor', async () => {
  const address = 'lou@people.example';
  const first = await browser.visitor();
  await signUp(first.page, address);
  await addApp(first.page);
  const { page, context, faults } = await browser.visitor();
  await lose(page, address, 3);
  await message(`Mail to ${address}: Somebody says that they lost access`, 1);
  await pass(stand, HOURS_36);
  await message(`Mail to ${address}: The waiting time for your account goes on`, 1);
  await pass(stand, HOURS_36);
  await message(`Mail to ${address}: The waiting time for your account is over`, 1);
  await comeBack(page, address, 7);
  await page.getByRole('heading', { name: 'Add a new second step' }).waitFor();
  await page.getByRole('button', { name: 'Add an authenticator app' }).click();
  const app = new Authenticator(await page.locator('code.long').innerText());
  await page.getByLabel('Type the code that the app shows').fill(await app.next());
  await picture(page, `customer-new-factor-${database}`);
  await page.getByRole('button', { name: 'Add the app' }).click();
  await page.getByText('Your new second step is set up.').waitFor();
  // Everybody is signed out; password and new factor open the account.
  await first.page.goto(at('account'));
  await first.page.getByLabel('Password', { exact: true }).waitFor();
  await signIn(page, address);
  await page.getByLabel('Code from your authenticator app').fill(await app.next());
  await goOn(page);
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  assert.deepEqual([...faults, ...first.faults], []);
  await Promise.all([context.close(), first.context.close()]);
});

test('who lost everything adds a passkey, and signs in with it', async () => {
  const address = 'lea@people.example';
  const first = await browser.visitor();
  await signUp(first.page, address);
  await addApp(first.page);
  const { page, context, faults } = await browser.visitor();
  await lose(page, address, 3);
  await message(`Mail to ${address}: Somebody says that they lost access`, 1);
  await pass(stand, HOURS_36);
  await message(`Mail to ${address}: The waiting time for your account goes on`, 1);
  await pass(stand, HOURS_36);
  await message(`Mail to ${address}: The waiting time for your account is over`, 1);
  // This browser makes no offers by itself, or the new passkey would sign in before anything can be read.
  await page.addInitScript(() => {
    globalThis.PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  });
  const owner = await device(page);
  await comeBack(page, address, 7);
  await page.getByRole('heading', { name: 'Add a new second step' }).waitFor();
  await everywhere(page, 'customer-new-factor-passkey');
  // A device that does not recognise its owner adds nothing.
  await owner.verified(false);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('The browser did not give us a passkey.').waitFor();
  await owner.verified(true);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('Your new second step is set up.').waitFor();
  // Everybody is signed out, the app that was lost is gone, and the passkey opens the account without anything typed.
  await first.page.goto(at('account'));
  await first.page.getByLabel('Password', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  const methods = page.locator('section', { has: page.getByRole('heading', { name: 'How you sign in' }) });
  await methods.getByText('Passkey', { exact: true }).waitFor();
  assert.equal(await methods.getByText('Authenticator app', { exact: true }).count(), 0);
  await message(`Mail to ${address}: Your account has a new second step`, 1);
  assert.deepEqual([...faults, ...first.faults], []);
  await Promise.all([context.close(), first.context.close()]);
});

/** The page as it stands, on a phone and on a desktop, by day and by night: axe finds nothing, and nothing is too wide. */
async function everywhere(page, name) {
  for (const [screen, size] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await picture(page, `${name}-${screen}-${colorScheme}-${database}`);
      assert.deepEqual(await violations(page), [], `${name} ${screen} ${colorScheme}`);
      const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(width <= 0, `${name} ${screen}: the page is ${width} px wider than the screen`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
}

test('the letter stops the waiting time, by its button and not by its link', async () => {
  const address = 'liv@people.example';
  const first = await browser.visitor();
  await signUp(first.page, address);
  await addApp(first.page);
  const thief = await browser.visitor();
  await lose(thief.page, address, 3);
  const letter = await message(`Mail to ${address}: Somebody says that they lost access`, 1);
  const link = /https:\/\/\S+recover\/stop\?t=[0-9a-f]{64}/.exec(letter)[0];
  await first.page.goto(at('account'));
  await first.page.getByRole('heading', { name: 'Stop the waiting time' }).waitFor();
  const owner = await browser.visitor();
  await owner.page.goto(link);
  await everywhere(owner.page, 'customer-stop');
  await first.page.reload();
  await first.page.getByRole('heading', { name: 'Stop the waiting time' }).waitFor();
  await owner.page.getByRole('button', { name: 'Stop it' }).click();
  await owner.page.getByText('It is stopped.').waitFor();
  await first.page.reload();
  await first.page.getByRole('heading', { name: 'Security centre' }).waitFor();
  assert.equal(await first.page.getByRole('heading', { name: 'Stop the waiting time' }).count(), 0);
  await Promise.all([first, thief, owner].map(({ context }) => context.close()));
});

test('a copied device token is noticed: everybody is signed out, and the person is told', async () => {
  const address = 'tia@people.example';
  const first = await browser.visitor();
  await signUp(first.page, address);
  const stolen = await first.context.storageState();
  // The token changes with each sign-in; a copy of one before the last is nobody's form that was sent twice.
  for (let times = 0; times < 2; times += 1) {
    await first.page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await signIn(first.page, address);
    await first.page.getByRole('heading', { name: 'Security centre' }).waitFor();
  }
  const thief = await browser.visitor({ storageState: stolen });
  await signIn(thief.page, address);
  await thief.page.getByRole('heading', { name: 'One more step' }).waitFor();
  await message(`Mail to ${address}: We signed everybody out`, 1);
  await first.page.goto(at('account'));
  await first.page.getByLabel('Password', { exact: true }).waitFor();
  await Promise.all([first, thief].map(({ context }) => context.close()));
});

test('staff: a passkey, a customer found by the whole address, locked with a reason, sessions ended', async () => {
  const address = 'kim@people.example';
  const customer = await browser.visitor();
  await signUp(customer.page, address);
  const app = await addApp(customer.page);
  const { page, context, faults } = await browser.visitor();
  const authenticator = await enrol(page, stand.ready);
  await device(page);
  const console = new Console(page, stand.ready.console);
  await page.getByRole('link', { name: PERSON.name }).click();
  await page.getByRole('heading', { level: 1, name: 'You' }).waitFor();
  await page.getByRole('link', { name: 'Add a passkey' }).click();
  await page.getByLabel('What you call it').fill('Desk key');
  await picture(page, `console-passkey-${database}`);
  await page.getByRole('button', { name: 'Add the passkey' }).click();
  await page.getByText('The passkey is added.').waitFor();
  await picture(page, `console-you-${database}`);
  await console.signOut();
  await picture(page, `console-sign-in-${database}`);
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await console.waitForNow();

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Customers' }).click();
  await page.getByLabel('E-mail address').fill('kim@people.exampl');
  await page.getByRole('button', { name: 'Look up' }).click();
  await page.getByText('No account has exactly this address.').waitFor();
  await page.getByLabel('E-mail address').fill(address);
  await page.getByRole('button', { name: 'Look up' }).click();
  await page.getByRole('heading', { name: 'k•••@people.example' }).waitFor();
  assert.ok(!page.url().includes('people'), page.url());
  await page.getByLabel('Lock the account: why?').fill('the customer rang');
  await page.getByRole('button', { name: 'Lock the account' }).click();
  await page.getByText('The account is locked').waitFor();
  await picture(page, `console-customer-${database}`);
  await message(`Mail to ${address}: Your account is locked`, 1);
  await customer.page.goto(at('account'));
  await customer.page.getByLabel('Password', { exact: true }).waitFor();
  await page.getByLabel('Unlock the account: why?').fill('it was a mistake');
  await page.getByRole('button', { name: 'Unlock the account' }).click();
  await page.getByText('The account is open again.').waitFor();

  // A new password, begun here and chosen there, without script.
  await page.getByLabel('Begin a new password: why?').fill('the customer rang again');
  await page.getByRole('button', { name: 'Begin a new password' }).click();
  await page.getByText('A mail with a link went to the address on file.').waitFor();
  const letter = await message(`Mail to ${address}: A new password for`, 1);
  const link = /https:\/\/\S+recover\/link\?t=[0-9a-f]{64}/.exec(letter)[0];
  assert.ok(!(await page.content()).includes('recover/link'));
  for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    const looked = await browser.visitor({ viewport, colorScheme: screen === 'phone' ? 'dark' : 'light' });
    await looked.page.goto(link);
    await picture(looked.page, `customer-password-link-${screen}-${database}`);
    assert.deepEqual(await violations(looked.page), [], screen);
    await looked.context.close();
  }
  const plain = await browser.visitor({ javaScriptEnabled: false });
  await plain.page.goto(link);
  await plain.page.getByRole('button', { name: 'Go on to a new password' }).click();
  await plain.page.getByLabel('Code from your authenticator app').fill(await app.next());
  await goOn(plain.page);
  await plain.page.getByLabel('New password').fill('umbrella tea lamp post road');
  await plain.page.getByRole('button', { name: 'Set the password' }).click();
  await plain.page.getByText('Your new password is set.').waitFor();
  await plain.context.close();

  // The app is lost, and it is the last one: one member of staff alone takes it away from nobody.
  await page.getByLabel(/^Take away: authenticator app/).fill('the telephone is lost');
  await page.getByRole('button', { name: /^Take away/ }).click();
  await page.getByText('It takes effect when another member of staff asks for the same here.').waitFor();
  await page.getByText('asked to take the last factor away').waitFor();

  // The refused look-up is the one answer that is no page.
  assert.deepEqual(faults.filter((fault) => !fault.includes('422') && !fault.includes('customers/find')), []);

  // A second session, ended from the first.
  const other = await browser.visitor();
  const there = new Console(other.page, stand.ready.console);
  await there.openSignIn();
  await there.signIn(PERSON, await authenticator.next());
  await page.goto(new URL('/you', stand.ready.console).href);
  await page.getByRole('button', { name: 'End all others' }).click();
  await page.getByText('Those sessions are over.').waitFor();
  await other.page.goto(stand.ready.console);
  assert.match(new URL(other.page.url()).pathname, /^\/sign-in/);
  const storageState = await context.storageState();
  const account = page;
  await account.goto(new URL('/customers', stand.ready.console).href);
  await looks(storageState);
  await Promise.all([customer, other].map((visitor) => visitor.context.close()));
  await context.close();
});

/** Phone and desktop, light and dark, by axe; no page is wider than its screen. */
async function looks(storageState) {
  for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    for (const colorScheme of ['light', 'dark']) {
      const { page, context } = await browser.visitor({ viewport, colorScheme, storageState });
      const places = ['/customers', '/you', '/confirm', '/you/passkey'];
      await page.goto(new URL('/customers', stand.ready.console).href);
      await page.getByLabel('E-mail address').fill('kim@people.example');
      await page.getByRole('button', { name: 'Look up' }).click();
      await page.getByRole('heading', { name: 'k•••@people.example' }).waitFor();
      places.push(new URL(page.url()).pathname);
      for (const place of places) {
        await page.goto(new URL(place, stand.ready.console).href);
        const name = place.startsWith('/customers/') ? 'customer' : place.slice(1).replaceAll('/', '-');
        await picture(page, `axe-console-${name}-${screen}-${colorScheme}-${database}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.deepEqual(await violations(page), [], `${place}, ${screen}, ${colorScheme}`);
        assert.ok(width <= 0, `${place}, ${screen}: ${width} px wider than the screen`);
      }
      await context.close();
    }
  }
}
