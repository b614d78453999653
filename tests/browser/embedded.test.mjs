// A card paid in the provider's frame on Storeward's own page; what that page lets in; and the dispute that staff answer.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { open, PHONE, picture } from './lib/chromium.mjs';
import { database, storewardBinary } from './lib/paths.mjs';
import { freePort, Program } from './lib/processes.mjs';
import { enrol } from './lib/staff.mjs';
import { runInFrontOf } from './lib/stand.mjs';

let folder;
let providers;
let shop;
let stand;
let browser;
let api;
let key;
let hook;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-embedded-'));
  const log = path.join(folder, 'emulators.log');
  providers = new Program(path.join(path.dirname(storewardBinary), 'emulators'), [], { cwd: folder, log });
  const said = await providers.until('addresses', () => {
    const line = providers.output.split('\n').find((one) => one.startsWith('{') && one.endsWith('}'));
    return line && JSON.parse(line);
  });
  providers.said = said;
  const { stripe } = said.providers;
  hook = await control('/stripe/webhooks', { url: 'http://127.0.0.1:9/nobody' });
  const file = async (name, text) => {
    await writeFile(path.join(folder, name), text, { mode: 0o600 });
    return JSON.stringify(path.join(folder, name));
  };
  shop = http.createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<h1>Thank you</h1>')).listen(0, '127.0.0.1');
  await new Promise((done) => shop.once('listening', done));
  api = await freePort();
  const more = `[payments]
mode = "test"
[payments.stripe]
address = "${stripe.address}"
secret_key_file = ${await file('key', stripe.secret_key)}
publishable_key = "${stripe.publishable_key}"
webhook_secret_files = [${await file('hook', hook.secret)}]
[api]
listen = "127.0.0.1:${api}"
`;
  stand = await runInFrontOf(`http://127.0.0.1:${shop.address().port}`, more);
  key = /swk_[0-9a-f]{88}/.exec(await stand.say(['api-key', 'create', '--name', 'shop', '--act', 'pay', '--role', 'shop', '--purpose', 'support']))[0];
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await providers?.stop();
  shop?.close();
  await rm(folder, { recursive: true, force: true });
});

async function control(place, body) {
  const answer = await fetch(`${providers.said.control}${place}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

/** One POST over TLS with the stand's own root. */
async function post(url, body, headers) {
  const ca = await readFile(stand.ready.ca);
  return new Promise((done, fail) => {
    const whole = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers };
    const request = https.request(url, { method: 'POST', ca, headers: whole }, (found) => {
      let text = '';
      found.on('data', (part) => (text += part)).on('end', () => done({ status: found.statusCode, text }));
    });
    request.setTimeout(30_000, () => request.destroy(new Error('no answer within 30 s')));
    request.on('error', fail).end(body);
  });
}

async function create(order, more = {}) {
  const body = JSON.stringify({ order, amount: 1999, currency: 'EUR', return_address: new URL('/thanks', stand.ready.shop).href, presentation: 'embedded', ...more });
  const answer = await post(`https://127.0.0.1:${api}/api/v1/payments`, body, { authorization: `Bearer ${key}` });
  assert.equal(answer.status, 201, answer.text);
  return JSON.parse(answer.text);
}

async function fill(frame) {
  for (const [label, value] of [['Card number', '4242424242424242'], ['Expiry', '12 / 34'], ['Security code', '123'], ['Name on card', 'Ella Fairley'], ['Email', 'ella@example.com']]) {
    await frame.getByLabel(label).first().fill(value);
  }
  await frame.getByRole('button', { name: 'Pay', exact: true }).click();
}

test('a card pays in the frame, on a page that lets nobody else in', async () => {
  const { page, context, faults } = await browser.visitor();
  const payment = await create('E-1');
  await page.goto(payment.page);
  const loaded = page.waitForResponse((answer) => new URL(answer.url()).pathname.endsWith('/form'));
  await page.getByRole('button', { name: 'Pay by card' }).click();
  const headers = (await loaded).headers();
  const policy = headers['content-security-policy'];
  const origin = providers.said.providers.stripe.address;
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.ok(policy.includes(`frame-src ${origin};`) && !/unsafe|strict-dynamic|\*/.test(policy), policy);
  assert.ok(headers['permissions-policy'].includes(`payment=(self "${origin}")`), headers['permissions-policy']);
  assert.equal(headers['referrer-policy'], 'no-referrer');
  const frame = page.frameLocator('#form iframe');
  await frame.getByLabel('Card number').waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await picture(page, `pay-embedded-${colorScheme}-${database}`);
  }
  // What is typed is not within reach of the page, nor is anybody else's script.
  const reach = await page.evaluate(() => {
    try {
      return document.querySelector('#form iframe').contentDocument?.title ?? null;
    } catch {
      return null;
    }
  });
  assert.equal(reach, null);
  await fill(frame);
  await page.getByText('Paid. Thank you!').waitFor({ timeout: 30_000 });
  await page.waitForURL((url) => url.pathname === '/thanks', { timeout: 30_000 });
  assert.deepEqual(faults, []);
  await context.close();
});

test('the secret of one form opens no other', async () => {
  const { page, context } = await browser.visitor();
  const secrets = [];
  for (const order of ['E-2', 'E-3']) {
    const payment = await create(order);
    await page.goto(payment.page);
    await page.getByRole('button', { name: 'Pay by card' }).click();
    await page.locator('#form iframe').waitFor();
    secrets.push(await page.locator('#form').getAttribute('data-opens'));
  }
  const [first, second] = secrets;
  const mixed = `${second.split('_secret_')[0]}?secret=${first}`;
  const answer = await fetch(`${providers.said.providers.stripe.address}/c/embed/${mixed}`);
  assert.equal(answer.status, 403);
  // Loaded again it is the same form, not a second one.
  await page.reload();
  assert.equal(await page.locator('#form').getAttribute('data-opens'), second);
  await context.close();
});

test('a dispute is seen, its evidence read word for word, and sent by a person once', async () => {
  const { page, context } = await browser.visitor();
  const payment = await create('E-4', { presentation: 'redirect', lines: [{ name: 'A peat mug', quantity: 1, unit_amount: 1999 }] });
  await page.goto(payment.page);
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.getByLabel('Card number').waitFor();
  await fill(page);
  await page.waitForURL((url) => url.pathname === '/thanks', { timeout: 30_000 });
  await context.close();
  const effects = await (await fetch(`${providers.said.control}/effects`)).json();
  const charge = effects.effects.filter((one) => one.kind === 'capture').at(-1).object;
  const { id } = await control('/disputes', { provider: 'stripe', payment: charge, reason: 'product_not_received' });
  const dispute = await (await fetch(`${providers.said.control}/objects/stripe/dispute/${id}`)).json();
  const body = JSON.stringify({ id: 'evt_1dispute', type: 'charge.dispute.created', livemode: false, data: { object: dispute } });
  const at = Math.floor(Date.now() / 1000);
  const mark = createHmac('sha256', hook.secret).update(`${at}.${body}`).digest('hex');
  const taken = await post(new URL('/.storeward/pay/webhooks/stripe', stand.ready.shop), body, { 'stripe-signature': `t=${at},v1=${mark}` });
  assert.equal(taken.status, 200, taken.text);

  const staff = await browser.visitor();
  await enrol(staff.page, stand.ready);
  await staff.page.goto(new URL('/payments', stand.ready.console).href);
  await staff.page.getByRole('heading', { name: 'Open disputes' }).waitFor({ timeout: 30_000 });
  await staff.page.goto(new URL('/payments/disputes', stand.ready.console).href);
  await staff.page.locator('tbody a').first().click();
  await staff.page.getByRole('heading', { name: /Dispute about order E-4/ }).waitFor();
  await staff.page.getByLabel('Add what you know about').selectOption('tracking_number');
  await staff.page.getByLabel('In your words').fill('JJD000390007882');
  await staff.page.getByRole('button', { name: 'Add', exact: true }).click();
  await staff.page.getByText('It is added.').waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await staff.page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(staff.page), []);
    await picture(staff.page, `console-dispute-${colorScheme}-${database}`);
  }
  await staff.page.setViewportSize(PHONE);
  assert.equal(await staff.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
  await picture(staff.page, `console-dispute-phone-${database}`);
  await staff.page.getByLabel(/Send the evidence/).fill('no');
  await staff.page.getByRole('button', { name: 'Send the evidence' }).click();
  await staff.page.getByText('Nothing was sent.').waitFor();
  await staff.page.getByLabel(/Send the evidence/).fill('yes');
  await staff.page.getByRole('button', { name: 'Send the evidence' }).click();
  await staff.page.getByText('The evidence is with the provider.').waitFor();
  const there = await (await fetch(`${providers.said.control}/objects/stripe/dispute/${id}`)).json();
  assert.equal(there.evidence_details.submission_count, 1);
  assert.equal(there.evidence.shipping_tracking_number, 'JJD000390007882');
  assert.equal(await staff.page.getByRole('button', { name: 'Send the evidence' }).count(), 0);
  await staff.context.close();
});
