// A buyer in Chromium walks through the stand-ins' pages: declined, approved, 3-D Secure, PayPal; without a script, light and dark.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeFile } from 'node:fs/promises';

import Stripe from 'stripe';

import { DESKTOP, PHONE, open } from '../browser/lib/chromium.mjs';
import { emulators } from './lib/emulators.mjs';

let at;
let browser;
let stripe;

before(async () => {
  at = await emulators();
  const url = new URL(at.stripe.address);
  stripe = new Stripe(at.stripe.secret_key, { host: url.hostname, port: url.port, protocol: 'http', telemetry: false });
  // The browser's home wants an authority; any will do.
  const ca = path.join(at.dir, 'ca.pem');
  await writeFile(ca, at.paypal.authority);
  browser = await open(ca);
});

after(async () => {
  await browser?.close();
  await at?.stop();
});

function session() {
  return stripe.checkout.sessions.create({
    mode: 'payment', success_url: `${at.stripe.address}/done?s={CHECKOUT_SESSION_ID}`, cancel_url: `${at.stripe.address}/done?no`,
    line_items: [{ quantity: 2, price_data: { currency: 'eur', unit_amount: 1250, product_data: { name: 'Stoneware cup' } } }],
  });
}

async function pay(page, number) {
  await page.getByLabel('Email').fill('ida@people.example');
  await page.getByLabel('Card number').fill(number);
  await page.getByLabel('Expiry (MM / YY)').fill('12 / 39');
  await page.getByLabel('Security code').fill('123');
  await page.getByRole('button', { name: 'Pay' }).click();
}

for (const [scheme, viewport] of [['light', DESKTOP], ['dark', PHONE]]) {
  test(`a card: declined, then with 3-D Secure (${scheme}, ${viewport.width})`, async () => {
    const { page, context } = await browser.visitor({ viewport, colorScheme: scheme, javaScriptEnabled: false });
    const made = await session();
    await page.goto(made.url);
    await page.getByText('25.00 EUR').first().waitFor();
    await pay(page, '4000 0000 0000 0002');
    await page.getByRole('alert').filter({ hasText: 'declined' }).waitFor();
    await pay(page, '4000 0027 6000 3184');
    await page.getByRole('button', { name: 'Fail authentication' }).click();
    await page.getByRole('alert').filter({ hasText: 'could not confirm' }).waitFor();
    await pay(page, '4000 0027 6000 3184');
    await page.getByRole('button', { name: 'Complete authentication' }).click();
    await page.waitForURL(`**/done?s=${made.id}`);
    assert.equal((await stripe.checkout.sessions.retrieve(made.id)).payment_status, 'paid');
    await context.close();
  });
}

test('back to the shop without paying', async () => {
  const { page, context } = await browser.visitor({ viewport: PHONE });
  const made = await session();
  await page.goto(made.url);
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.equal(isWide, false, 'nothing stands out to the side');
  await page.getByRole('link', { name: 'Back to the shop' }).click();
  await page.waitForURL('**/done?no');
  assert.equal((await stripe.checkout.sessions.retrieve(made.id)).status, 'open');
  await context.close();
});

test('PayPal: cancelled, then approved', async () => {
  const basic = Buffer.from(`${at.paypal.client_id}:${at.paypal.client_secret}`).toString('base64');
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  const token = await fetch(`${at.paypal.address}/v1/oauth2/token`, { method: 'POST', headers: { authorization: `Basic ${basic}` }, body: form });
  const headers = { authorization: `Bearer ${(await token.json()).access_token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({
    intent: 'CAPTURE',
    purchase_units: [{ description: 'Order 1001', amount: { currency_code: 'EUR', value: '25.00' } }],
    application_context: { return_url: `${at.paypal.address}/done?yes`, cancel_url: `${at.paypal.address}/done?no` },
  });
  const order = await (await fetch(`${at.paypal.address}/v2/checkout/orders`, { method: 'POST', headers, body })).json();
  const url = order.links.find((link) => link.rel === 'approve').href;
  const { page, context } = await browser.visitor({ viewport: PHONE });
  await page.goto(url);
  await page.getByRole('button', { name: 'Cancel and return to the shop' }).click();
  await page.waitForURL('**/done?no*');
  await page.goto(url);
  await page.getByRole('button', { name: 'Agree and pay' }).click();
  await page.waitForURL('**/done?yes*');
  assert.match(page.url(), new RegExp(`token=${order.id}&PayerID=[2-9A-Z]{13}$`));
  const found = await (await fetch(`${at.paypal.address}/v2/checkout/orders/${order.id}`, { headers })).json();
  assert.equal(found.status, 'APPROVED');
  await context.close();
});
