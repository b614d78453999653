// A customer's way through django-oscar, unmodified from PyPI, over TLS and through Storeward.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { get } from '../browser/lib/attack.mjs';
import { open, picture } from '../browser/lib/chromium.mjs';
import { REFERENCE } from '../browser/lib/pages.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { CUSTOMER, Oscar } from './lib/oscar.mjs';
import { OscarShop } from './oscar-pages.mjs';

let shop;
let stand;
let browser;

before(async () => {
  shop = await Oscar.start();
  stand = await runInFrontOf(shop.url);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await shop?.stop();
});

test('a customer browses, searches, signs in, orders and finds the order again', async () => {
  const { page, context, faults } = await browser.visitor();
  const oscar = new OscarShop(page, stand.ready.shop);

  await oscar.openHome();
  await picture(page, 'oscar-home');
  await oscar.openCategory('Tableware');
  await oscar.openProduct('Salt bowl');
  await oscar.addToBasket();
  await oscar.search('mug');
  await oscar.openProduct('Peat mug');
  await oscar.addToBasket();
  await oscar.signIn(CUSTOMER);
  await oscar.openBasket();
  for (const name of ['Salt bowl', 'Peat mug']) await oscar.basketLine(name).waitFor();
  await picture(page, 'oscar-basket');
  const number = await oscar.checkOut();
  await picture(page, 'oscar-thanks');
  await oscar.openHistory();
  await oscar.order(number).waitFor();
  await picture(page, 'oscar-orders');

  // django-oscar asks a foreign host for jQuery first and falls back to its own; here no foreign host exists.
  assert.deepEqual(faults.filter((fault) => !fault.includes('ajax.googleapis.com')), []);
  await context.close();
});

test('an attack on it is stopped', async () => {
  const url = new URL('/search/', stand.ready.shop);
  url.searchParams.set('q', "' UNION SELECT password FROM auth_user --");
  const answer = await get(url.href, stand.ready.ca, { accept: 'text/html' });
  assert.equal(answer.status, 403);
  assert.match(answer.body, REFERENCE);
});
