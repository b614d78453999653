// The gate before the sample shop's admin: held, through the console's sign-in and back, by code and by passkey, out again.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { get } from './lib/attack.mjs';
import { open, picture } from './lib/chromium.mjs';
import { device } from './lib/device.mjs';
import { Gate } from './lib/gate.mjs';
import { database } from './lib/paths.mjs';
import { enrol, PERSON } from './lib/staff.mjs';
import { runInFrontOf, sampleShop } from './lib/stand.mjs';

const GATES = `
[[gate]]
name = "back-office"
paths = ["/admin"]
email = true
plain_headers = true
[[gate]]
name = "money"
paths = ["/account/orders"]
factor = "passkey"
`;

let shop;
let stand;
let browser;
let authenticator;

before(async () => {
  shop = await sampleShop();
  stand = await runInFrontOf(shop.ready.upstream, GATES);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await shop?.stop();
});

const at = (path) => new URL(path, stand.ready.shop).href;

test('a stranger is held, and a program is told where to sign in', async () => {
  for (const path of ['/admin', '/ADMIN/orders', '/admin%2Forders', '/;x/admin', '/admin.json']) {
    const page = await get(at(path), stand.ready.ca, { accept: 'text/html' });
    assert.equal(page.status, 303, path);
    assert.match(page.headers.location, /^\/\.storeward\/gate\/start\?r=[\w-]+$/, path);
    const program = await get(at(path), stand.ready.ca, { accept: 'application/json' });
    assert.equal(program.status, 401, path);
    assert.equal(program.headers['content-type'], 'application/problem+json');
    const told = JSON.parse(program.body);
    assert.equal(told.code, 'gate.sign_in');
    assert.match(told.sign_in, /^\/\.storeward\/gate\/start\?r=/);
  }
  assert.equal((await get(at('/'), stand.ready.ca, { accept: 'text/html' })).status, 200);
});

test('staff sign in at the console and come back to where they were held; signing out holds them again', async () => {
  const first = await browser.visitor();
  authenticator = await enrol(first.page, stand.ready);
  await first.context.close();

  const { page, context, faults } = await browser.visitor();
  const gate = new Gate(page, stand.ready);
  await page.goto(at('/admin/orders?from=test'));
  assert.equal(new URL(page.url()).origin, new URL(stand.ready.console).origin);
  await gate.signIn(PERSON, await authenticator.next());
  await picture(page, `gate-pass-${database}`);
  await gate.goOn();
  // The shop's own sign-in stands behind the gate: it was reached.
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin && !url.pathname.startsWith('/.storeward'));
  const cookies = await context.cookies(stand.ready.shop);
  const session = cookies.find((cookie) => cookie.name === '__Host-storeward-gate');
  assert.ok(session?.httpOnly && session.secure && session.sameSite === 'Lax', JSON.stringify(session));

  await gate.open();
  await page.getByText(PERSON.name).waitFor();
  await picture(page, `gate-page-${database}`);
  await gate.signOut();
  // The old token is nobody's, also when it is kept.
  const kept = await get(at('/admin'), stand.ready.ca, { accept: 'application/json', cookie: `${session.name}=${session.value}` });
  assert.equal(kept.status, 401);
  await page.goto(at('/admin'));
  await gate.asks.waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('a gate that takes passkeys only asks for one', async () => {
  const { page, context } = await browser.visitor();
  await device(page);
  const gate = new Gate(page, stand.ready);
  await page.goto(at('/account/orders'));
  await gate.signIn(PERSON, await authenticator.next());
  await gate.goOn();
  await page.getByText('takes passkeys only').waitFor();
  await picture(page, `gate-passkey-${database}`);
  await page.goto(new URL('/you/passkey', stand.ready.console).href);
  await page.getByRole('button', { name: 'Add the passkey' }).click();
  await page.getByText('The passkey is added.').waitFor();
  await page.goto(at('/account/orders'));
  await gate.goOn();
  await page.getByRole('link', { name: 'Confirm with your passkey' }).click();
  await page.getByRole('button', { name: 'Use your passkey' }).click();
  await gate.goOn();
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin && !url.pathname.startsWith('/.storeward'));
  await context.close();
});
