// What is kept of how a customer pays, in Chromium: kept by a tick on the payment page, seen where they are signed in, taken away there.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database, storewardBinary } from './lib/paths.mjs';
import { Postbox } from './lib/postbox.mjs';
import { freePort, Program, sleep } from './lib/processes.mjs';
import { runInFrontOf } from './lib/stand.mjs';

const PASSWORD = 'lamp post umbrella tea';
const ADA = 'ada@people.example';

let folder;
let providers;
let shop;
let post;
let stand;
let browser;
let api;
let key;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-means-'));
  const log = path.join(folder, 'emulators.log');
  providers = new Program(path.join(path.dirname(storewardBinary), 'emulators'), [], { cwd: folder, log });
  const said = await providers.until('addresses', () => {
    const line = providers.output.split('\n').find((one) => one.startsWith('{') && one.endsWith('}'));
    return line && JSON.parse(line);
  });
  const { stripe } = said.providers;
  const file = async (name, text) => {
    await writeFile(path.join(folder, name), text, { mode: 0o600 });
    return JSON.stringify(path.join(folder, name));
  };
  shop = http.createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<h1>Thank you</h1>')).listen(0, '127.0.0.1');
  await new Promise((done) => shop.once('listening', done));
  post = await Postbox.open();
  api = await freePort();
  const more = `[identity]
[vault]
${post.config()}[payments]
mode = "test"
[payments.stripe]
address = "${stripe.address}"
secret_key_file = ${await file('key', stripe.secret_key)}
webhook_secret_files = [${await file('hook', 'whsec_0123456789abcdef0123456789abcdef')}]
[api]
listen = "127.0.0.1:${api}"
`;
  stand = await runInFrontOf(`http://127.0.0.1:${shop.address().port}`, more);
  const words = ['api-key', 'create', '--name', 'shop', '--act', 'pay', '--act', 'write', '--role', 'shop', '--purpose', 'support'];
  key = /swk_[0-9a-f]{88}/.exec(await stand.say(words))[0];
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await providers?.stop();
  await post?.close();
  shop?.close();
  await rm(folder, { recursive: true, force: true });
});

const at = (where) => new URL(`.storeward/${where}`, stand.ready.shop).href;

/** One call of the shop's own program. */
async function call(method, place, body) {
  const ca = await readFile(stand.ready.ca);
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), authorization: `Bearer ${key}` };
  return new Promise((done, fail) => {
    const request = https.request(`https://127.0.0.1:${api}/api/v1${place}`, { method, ca, headers }, (found) => {
      let all = '';
      found.on('data', (part) => (all += part)).on('end', () => done({ status: found.statusCode, json: JSON.parse(all) }));
    });
    request.setTimeout(30_000, () => request.destroy(new Error('no answer within 30 s')));
    request.on('error', fail).end(text);
  });
}

async function mailTo(address, pattern) {
  for (let tries = 0; tries < 400; tries += 1) {
    const found = post.mails.filter((mail) => mail.to.includes(address)).map((mail) => pattern.exec(mail.text)).filter(Boolean);
    if (found.length > 0) return found.at(-1);
    await sleep(50);
  }
  throw new Error(`no such mail to ${address}`);
}

async function signUp(page, address) {
  await page.goto(at('sign-up'));
  await page.getByLabel('E-mail address').fill(address);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Code from the e-mail').fill((await mailTo(address, /\b(\d{8})\b/))[1]);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
}

test('a card that the buyer lets the shop keep is seen and taken away by them, and by nobody else', async () => {
  const items = [{ collection: 'contact', item: 'own', values: { email: ADA, name: 'Ada Byron' } }];
  const record = await call('POST', '/customers', { shop_id: '4711', items });
  assert.equal(record.status, 201, JSON.stringify(record.json));
  const customer = record.json.id;
  const order = { order: 'M-1', amount: 1999, currency: 'EUR', return_address: new URL('/thanks', stand.ready.shop).href, customer, save_method: 'ask' };
  const payment = await call('POST', '/payments', order);
  assert.equal(payment.status, 201, JSON.stringify(payment.json));

  const { page, context, faults } = await browser.visitor();
  await page.goto(payment.json.page);
  await page.getByLabel(/keep/i).check();
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.getByLabel('Card number').waitFor();
  for (const [label, value] of [['Card number', '4242424242424242'], ['Expiry', '12 / 34'], ['Security code', '123'], ['Name on card', 'Ada Byron'], ['Email', ADA]]) {
    await page.getByLabel(label).first().fill(value);
  }
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.waitForURL((url) => url.pathname === '/thanks', { timeout: 30_000 });

  await signUp(page, ADA);
  await page.getByRole('link', { name: 'Means of payment' }).click();
  await page.getByRole('heading', { name: 'What you pay with' }).waitFor();
  await page.getByRole('heading', { name: 'Visa •••• 4242' }).waitFor();
  assert.match(await page.locator('.rows .hint').first().textContent(), /^Stripe, good until \d\d\/20\d\d, kept since /);
  const storageState = await context.storageState();
  for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    for (const colorScheme of ['light', 'dark']) {
      const looked = await browser.visitor({ storageState, viewport, colorScheme });
      await looked.page.goto(at('means'));
      await picture(looked.page, `means-${screen}-${colorScheme}-${database}`);
      const width = await looked.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.deepEqual(await violations(looked.page), [], `${screen}, ${colorScheme}`);
      assert.ok(width <= 0, `${screen}: ${width} px wider than the screen`);
      await looked.context.close();
    }
  }

  const other = await browser.visitor({ javaScriptEnabled: false });
  await other.page.goto(at('means'));
  assert.match(new URL(other.page.url()).pathname, /sign-in$/);
  await signUp(other.page, 'eve@people.example');
  await other.page.goto(at('means'));
  await other.page.getByText(/keeps nothing that you pay with/).waitFor();
  assert.ok(!(await other.page.content()).includes('4242'));
  await other.context.close();

  await page.getByRole('button', { name: 'Remove: Visa •••• 4242' }).click();
  await page.getByText('It is removed: nobody can pay with it here any more.').waitFor();
  await mailTo(ADA, /A means of payment that .* kept for you was removed/);
  const left = await call('GET', `/payment-methods?customer=${customer}`);
  assert.deepEqual(left.json.items ?? left.json.methods, [], JSON.stringify(left.json));
  assert.deepEqual(faults, []);
  await context.close();
});
