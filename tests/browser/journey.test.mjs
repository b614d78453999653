// A customer's way through the shop, over TLS and through Storeward, as if nothing stood in between.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, picture } from './lib/chromium.mjs';
import { Shop } from './lib/pages.mjs';
import { database } from './lib/paths.mjs';
import { sampleShop } from './lib/stand.mjs';

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

test('a customer browses, signs in, orders and finds the order again', async () => {
  const { page, context, faults } = await browser.visitor();
  const shop = new Shop(page, stand.ready.shop);

  await shop.openHome();
  assert.equal(new URL(page.url()).protocol, 'https:');
  await picture(page, `shop-home-${database}`);
  await shop.openFirstCategory();
  const first = await shop.openProduct();
  await shop.addToCart();
  await shop.search('mug');
  const second = await shop.openProduct();
  await shop.addToCart();
  await shop.signIn(stand.ready.customer);
  await shop.openCart();
  for (const name of new Set([first, second])) await page.getByRole('main').getByRole('link', { name }).waitFor();
  await picture(page, `shop-cart-${database}`);
  const number = await shop.checkOut();
  assert.match(number, /\S/);
  await picture(page, `shop-thanks-${database}`);
  await shop.openHistory();
  await shop.order(number).waitFor();
  await picture(page, `shop-orders-${database}`);

  assert.deepEqual(faults, []);
  await context.close();
});

test('the shop comes over TLS 1.3 with a certificate that the browser trusts', async () => {
  const { page, context } = await browser.visitor();
  const response = await page.goto(stand.ready.shop);
  const security = await response.securityDetails();
  assert.equal(security.protocol, 'TLS 1.3');
  // It would pin every other program that a developer serves as localhost; a shop's own name gets it (edge's tests).
  assert.equal(response.headers()['strict-transport-security'], undefined);
  assert.equal(response.headers()['x-content-type-options'], 'nosniff');
  await context.close();
});
