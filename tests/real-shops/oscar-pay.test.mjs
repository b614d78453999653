// django-oscar has its orders paid through Storeward: ten lines of Python lead to the signed link (the example of docs/payments.md, word for
// word), the buyer pays at Stripe's stand-in in Chromium, Stripe's message and the buyer's way back tell Storeward, and its signed news mark
// the order as paid in the shop. What was changed, declined, forged or repeated marks nothing.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { open, picture } from '../browser/lib/chromium.mjs';
import { database, root } from '../browser/lib/paths.mjs';
import { sleep } from '../browser/lib/processes.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { emulators } from '../payments/lib/emulators.mjs';
import { CUSTOMER, Oscar } from './lib/oscar.mjs';
import { OscarShop } from './oscar-pages.mjs';

const APPROVED = '4242424242424242';
const DECLINED = '4000000000000002';
const NEWS = randomBytes(32).toString('base64');

let folder;
let money;
let shop;
let stand;
let browser;

/** A secret in a file of its own. */
async function secret(name, text) {
  const file = path.join(folder, name);
  await writeFile(file, `${text}\n`, { mode: 0o600 });
  return file;
}

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-oscar-pay-'));
  const text = await readFile(path.join(root, 'docs/payments.md'), 'utf8');
  await writeFile(path.join(folder, 'pay_link.py'), /```python\n([\s\S]*?)```\n/.exec(text)[1]);
  const link = await secret('link', randomBytes(32).toString('hex'));
  const news = await secret('news', `whsec_${NEWS}`);
  money = await emulators();
  shop = await Oscar.start({ OSCAR_LINK_SECRET: link, OSCAR_NEWS_SECRET: news, PYTHONPATH: folder });
  stand = await runInFrontOf(shop.url, async (origin) => {
    const hook = await money.control('POST', '/stripe/webhooks', { url: `${origin}/.storeward/pay/webhooks/stripe` });
    const keys = [await secret('stripe', money.stripe.secret_key), await secret('stripe-hook', hook.secret)];
    return `[payments]
mode = "test"
link_secret_files = ["${link}"]
[payments.stripe]
address = "${money.stripe.address}"
secret_key_file = "${keys[0]}"
webhook_secret_files = ["${keys[1]}"]
[[payments.hook]]
name = "oscar"
url = "${shop.url}/storeward-news/"
secret_file = "${news}"
internal = true
`;
  });
  await money.control('POST', '/trust', { pem: await readFile(stand.ready.ca, 'utf8') });
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await shop?.stop();
  await money?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Signs in, orders a bowl, and gives the page, which stands on the shop's thanks, with the order's number. */
async function ordered() {
  const { page, context, faults } = await browser.visitor();
  // Its first pages compile templates and are the slowest.
  context.setDefaultTimeout(60_000);
  const oscar = new OscarShop(page, stand.ready.shop);
  await oscar.signIn(CUSTOMER);
  await oscar.openHome();
  await oscar.openCategory('Tableware');
  await oscar.openProduct('Salt bowl');
  await oscar.addToBasket();
  await oscar.openBasket();
  const number = await oscar.checkOut();
  return { page, context, faults, number };
}

async function fillCard(page, number) {
  await page.getByLabel('Card number').fill(number);
  for (const [label, value] of [['Expiry', '12 / 34'], ['Security code', '123'], ['Name on card', 'Ida O’Brien'], ['Email', 'ida@shop.example']]) {
    await page.getByLabel(label).first().fill(value);
  }
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
}

const isOwn = (url) => url.origin === new URL(stand.ready.shop).origin;

/** The order, once it stands as asked for. */
async function until(number, status) {
  let found;
  for (let tries = 0; tries < 120; tries += 1) {
    found = await shop.order(number);
    if (found.status === status) return found;
    await sleep(500);
  }
  return assert.fail(`the order is not ${status}: ${JSON.stringify(found)}`);
}

/** News as somebody else would send them. */
function forged(number, key, version = 99) {
  const body = JSON.stringify({ type: 'payment.captured', data: { id: 'pay_x', order: number, state: 'captured', currency: 'GBP', amount: 1200, authorized: 0, captured: 1200, refunded: 0, version } });
  const [id, at] = ['msg_x', String(Math.floor(Date.now() / 1000))];
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${id}.${at}.${body}`).digest('base64');
  const headers = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
  return fetch(`${shop.url}/storeward-news/`, { method: 'POST', headers, body });
}

test('an order of django-oscar is paid through the signed link, and is paid in the shop', async () => {
  const { page, context, faults, number } = await ordered();
  assert.deepEqual(await shop.order(number), { status: 'Pending', total: '12.00', currency: 'GBP', sources: [] });
  await page.getByRole('link', { name: 'Pay now' }).click();
  await page.getByRole('heading', { name: 'Payment', level: 1 }).waitFor();
  await page.getByText(number).first().waitFor();
  await page.getByText(/12[.,]00/).first().waitFor();
  await picture(page, `oscar-pay-${database}`);
  const signed = page.url();
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.waitForURL((url) => !isOwn(url));
  await fillCard(page, APPROVED);
  await page.waitForURL((url) => isOwn(url) && url.pathname.startsWith(`/accounts/orders/${number}`), { timeout: 60_000 });
  const paid = await until(number, 'Paid');
  assert.deepEqual(paid.sources, [{ type: 'Storeward', allocated: '12.00', debited: '12.00', refunded: '0.00' }]);
  await page.reload();
  await page.getByText('Paid').first().waitFor();
  await picture(page, `oscar-paid-${database}`);
  // The link again: it is paid, and nothing more is taken.
  await page.goto(signed);
  await page.getByText('Paid. Thank you!').waitFor();
  const taken = (await money.effects('capture')).filter((one) => one.provider === 'stripe');
  assert.equal(taken.length, 1, JSON.stringify(taken));
  // django-oscar asks a foreign host for jQuery first, and has no picture for the browser's tab.
  assert.deepEqual(faults.filter((fault) => !/ajax\.googleapis\.com|\/favicon\.ico/.test(fault)), []);
  await context.close();
});

test('an amount that the buyer changed is not paid', async () => {
  const { page, context, number } = await ordered();
  await page.getByRole('link', { name: 'Pay now' }).click();
  await page.getByRole('heading', { name: 'Payment', level: 1 }).waitFor();
  const changed = new URL(page.url());
  changed.searchParams.set('amount', '1');
  await page.goto(changed.href);
  await page.getByText('This link is not whole').waitFor();
  assert.equal((await shop.order(number)).status, 'Pending');
  await context.close();
});

test('a declined card leaves the order open, and another card pays it', async () => {
  const { page, context, number } = await ordered();
  await page.getByRole('link', { name: 'Pay now' }).click();
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.waitForURL((url) => !isOwn(url));
  await fillCard(page, DECLINED);
  await page.getByText(/declined/i).first().waitFor();
  assert.equal((await shop.order(number)).status, 'Pending');
  await fillCard(page, APPROVED);
  await page.waitForURL(isOwn, { timeout: 60_000 });
  assert.equal((await until(number, 'Paid')).sources[0].debited, '12.00');
  await context.close();
});

test('news that Storeward did not sign pay nothing, and coming back pays nothing', async () => {
  const { page, context, number } = await ordered();
  assert.equal((await forged(number, randomBytes(32).toString('base64'))).status, 400);
  // Who leaves Stripe's page unpaid, and opens the order's page by hand.
  await page.getByRole('link', { name: 'Pay now' }).click();
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.waitForURL((url) => !isOwn(url));
  await page.goto(new URL(`/accounts/orders/${number}/`, stand.ready.shop).href);
  assert.deepEqual((await shop.order(number)).status, 'Pending');
  // The same words under the right key count: what is refused above is the signature.
  assert.equal((await forged(number, NEWS)).status, 204);
  assert.equal((await shop.order(number)).status, 'Paid');
  // And older news undo nothing.
  assert.equal((await forged(number, NEWS, 1)).status, 204);
  assert.equal((await shop.order(number)).sources.length, 1);
  await context.close();
});
