// Customers' pages on a host of their own beside the shop's: sign-up, sign-in, a passkey that is good on both, and the shield's
// challenge on the shop's. Mail goes to a mail server of this test.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, picture } from './lib/chromium.mjs';
import { device } from './lib/device.mjs';
import { database } from './lib/paths.mjs';
import { Postbox } from './lib/postbox.mjs';
import { runInFrontOf, sampleShop } from './lib/stand.mjs';

const PASSWORD = 'lamp post umbrella tea';
const SHOP = 'shop.test';
const OWN = 'id.shop.test';

let sample;
let postbox;
let stand;
let browser;

before(async () => {
  sample = await sampleShop();
  postbox = await Postbox.open();
  const more = `${postbox.config()}[identity]\ncustomers = "required"\nhost = "${OWN}"\nrp_id = "${SHOP}"\n[shield]\nadapter = "larkmoor"\n`;
  stand = await runInFrontOf(sample.ready.upstream, more, [SHOP, OWN]);
  browser = await open(stand.ready.ca, [SHOP, OWN]);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await postbox?.close();
  await sample?.stop();
});

const shop = (where) => new URL(where, stand.ready.shop).href;
const own = (where) => shop(where).replace(SHOP, OWN);
const goOn = (page) => page.getByRole('button', { name: 'Go on' }).first().click();

test('sign-up, recovery codes and a passkey on the sibling host, which is good at the shop too', async () => {
  const address = 'ida@people.example';
  const { page, context, faults } = await browser.visitor();
  await device(page);
  // The front of the sibling host leads to where one signs in.
  await page.goto(own('/'));
  await page.getByRole('heading', { name: /Sign in/ }).waitFor();
  await page.goto(own('/.storeward/sign-up'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('New password').fill(PASSWORD);
  await goOn(page);
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(address, 1));
  await goOn(page);
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  assert.equal(new URL(page.url()).hostname, OWN);
  await page.getByRole('link', { name: 'Add a passkey', exact: true }).click();
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('Your passkey is added.').waitFor();
  await picture(page, `sibling-account-${database}`);
  // The shop's name at the top leads to the shop, not to a place of this host.
  assert.equal(new URL(await page.locator('a.brand').getAttribute('href'), page.url()).hostname, SHOP);
  // Each host has a session of its own; the passkey opens both.
  await page.goto(shop('/.storeward/account'));
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  assert.equal(new URL(page.url()).hostname, SHOP);
  const cookies = await context.cookies();
  for (const cookie of cookies.filter(({ name }) => name.startsWith('__Host-storeward'))) {
    assert.ok([SHOP, OWN].includes(cookie.domain) && cookie.secure && cookie.path === '/', JSON.stringify(cookie));
  }
  // The letter about the new device leads to the sibling host.
  const letters = await postbox.to(address, 2);
  assert.ok(letters.some(({ text }) => text.includes(`https://${OWN}:`)), 'links lead to the host of the pages');
  assert.deepEqual(faults, []);
  await context.close();
});

test('the shield in front of the shop asks for a second step, and what is on the sibling host is not the shop', async () => {
  const { page, context } = await browser.visitor();
  const { email, password } = sample.ready.customer;
  await page.goto(shop('/account/sign-in'));
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  assert.equal(new URL(page.url()).hostname, SHOP);
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(email, 1));
  await picture(page, `sibling-challenge-${database}`);
  await goOn(page);
  await page.getByRole('navigation', { name: 'Your shop' }).getByText('Your account').waitFor();
  const answer = await page.goto(own('/account'));
  assert.equal(answer.status(), 404);
  await context.close();
});
