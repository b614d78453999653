// A buyer pays for an order of the sample shop, as the demo shows it: by card, declined, with 3-D Secure, by PayPal; and staff see it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { enrol } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';

const APPROVED = '4242424242424242';
const DECLINED = '4000000000000002';
const THREE_D_SECURE = '4000002760003184';
/** A probability to three places. */
const SCORE = /^[01]\.\d{3}$/;

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

const at = (place) => new URL(place, stand.ready.shop).href;
const own = (url) => url.origin === new URL(stand.ready.shop).origin;

/** Signs in, fills the cart, and places an order that is paid online. Stands on the page where the way to pay is chosen. */
async function order(page, { signIn = true } = {}) {
  if (signIn) {
    await page.goto(at('/account/sign-in'));
    await page.locator('input[name=email]').first().fill(stand.ready.customer.email);
    await page.locator('input[name=password]').first().fill(stand.ready.customer.password);
    await page.locator('form:has(input[name=password]) button').first().click();
    await page.waitForURL((url) => url.pathname !== '/account/sign-in');
  }
  await page.goto(at('/product/peat-mug'));
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.waitForFunction(() => Number(document.querySelector('[data-cart-count]')?.textContent) > 0);
  await page.goto(at('/checkout'));
  await page.getByLabel(/^Online/).check();
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.getByRole('heading', { name: 'Payment', level: 1 }).waitFor();
}

/** On the stand-in's page for cards. */
async function payByCard(page, number) {
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.waitForURL((url) => !own(url));
  await fillCard(page, number);
}

async function fillCard(page, number) {
  await page.getByLabel('Card number').fill(number);
  for (const [label, value] of [['Expiry', '12 / 34'], ['Security code', '123'], ['Name on card', 'Ella Fairley'], ['Email', 'ella@example.com']]) {
    await page.getByLabel(label).first().fill(value);
  }
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
}

const arrives = (page) => page.waitForURL((url) => own(url) && url.pathname.startsWith('/checkout/done/'), { timeout: 30_000 });

/** The shop learns it by the news, which may take a moment. */
async function isPaid(page) {
  for (let tries = 0; tries < 40; tries += 1) {
    if ((await page.locator('.tag').first().innerText()) === 'paid') return;
    await page.waitForTimeout(500);
    await page.reload();
  }
  assert.fail('the shop was not told');
}

/** Stands on the page of rules once it names a scorer. */
async function scorer(page) {
  for (const end = Date.now() + 120_000; Date.now() < end;) {
    await page.goto(new URL('/review/rules', stand.ready.console).href);
    if ((await page.getByText('the champion; it is only watched').count()) === 1) return;
    await page.waitForTimeout(500);
  }
  assert.fail('no scorer was learned');
}

test('a card that is good pays, and the shop is told', async () => {
  const { page, context, faults } = await browser.visitor();
  await order(page);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), []);
    await picture(page, `pay-${colorScheme}-${database}`);
  }
  const size = page.viewportSize();
  await page.setViewportSize(PHONE);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
  await picture(page, `pay-phone-${database}`);
  await page.setViewportSize(size);
  await payByCard(page, APPROVED);
  await page.getByText('Paid. Thank you!').waitFor();
  await picture(page, `pay-paid-${database}`);
  await arrives(page);
  await isPaid(page);
  assert.deepEqual(faults, []);
  await context.close();
});

test('an amount that is changed on the way is not believed', async () => {
  const { page, context } = await browser.visitor();
  await order(page);
  const link = new URL(page.url());
  if (!link.searchParams.has('amount')) assert.fail(`no link: ${link.pathname}`);
  link.searchParams.set('amount', '1');
  await page.goto(link.href);
  await page.getByText('This link is not whole').waitFor();
  await context.close();
});

test('a card that is declined is told so, and another way pays', async () => {
  const { page, context, faults } = await browser.visitor();
  await order(page);
  await payByCard(page, DECLINED);
  await page.getByText(/declined/i).first().waitFor();
  await picture(page, `pay-declined-${database}`);
  await fillCard(page, APPROVED);
  await arrives(page);
  await isPaid(page);
  assert.deepEqual(faults.filter((fault) => !/402|40[0-9]/.test(fault)), []);
  await context.close();
});

test('a card that asks its bank pays after the challenge', async () => {
  const { page, context } = await browser.visitor();
  await order(page);
  await payByCard(page, THREE_D_SECURE);
  await page.getByRole('button', { name: /complete|approve|confirm/i }).first().click();
  await arrives(page);
  await isPaid(page);
  await context.close();
});

test('PayPal pays', async () => {
  const { page, context } = await browser.visitor();
  await order(page);
  await page.getByRole('button', { name: 'Pay with PayPal' }).click();
  await page.waitForURL((url) => !own(url));
  await picture(page, `pay-paypal-${database}`);
  await page.getByRole('button', { name: /pay|agree|approve/i }).first().click();
  await arrives(page);
  await isPaid(page);
  await context.close();
});

test('staff see payments as they happen, what was called and booked, and give money back', async () => {
  const staff = await browser.visitor();
  await enrol(staff.page, stand.ready);
  // The demo learns its scorer of a past that is invented, while it serves already.
  await scorer(staff.page);
  const attempts = /Tried on (\d+) attempts/.exec(await staff.page.locator('main').innerText());
  assert.ok(Number(attempts?.[1]) > 500, `${attempts?.[0]}`);
  assert.match(await staff.page.locator('main').innerText(), /It would have fired on \d+: \d+ known as fraud/);
  await picture(staff.page, `console-rules-${database}`);
  await staff.page.goto(new URL('/payments', stand.ready.console).href);
  const rows = staff.page.locator('table').first().locator('tbody tr');
  const before = await rows.count();
  assert.ok(before >= 4, `${before} payments`);

  const buyer = await browser.visitor();
  await order(buyer.page);
  await payByCard(buyer.page, APPROVED);
  await arrives(buyer.page);
  await buyer.context.close();
  // Without a reload.
  await rows.nth(before).waitFor({ timeout: 20_000 });
  for (const colorScheme of ['light', 'dark']) {
    await staff.page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(staff.page), []);
    await picture(staff.page, `console-payments-${colorScheme}-${database}`);
  }
  await rows.first().getByText('paid').waitFor({ timeout: 20_000 });
  assert.match(await rows.first().locator('td').nth(5).innerText(), SCORE);
  await rows.first().getByRole('link').click();
  await staff.page.getByRole('heading', { name: 'In the books' }).waitFor();
  assert.match(await staff.page.locator('main').innerText(), /At Stripe[\s\S]*Buyers|Buyers[\s\S]*At Stripe/);
  const judged = staff.page.getByRole('table', { name: 'Judgements of attempts to pay' }).locator('tbody tr').first();
  assert.match(await judged.locator('td').nth(2).innerText(), SCORE);
  const reasons = await judged.locator('li').allInnerTexts();
  assert.ok(reasons.some((reason) => /^The score is 0/.test(reason)), reasons.join('; '));
  assert.ok(reasons.some((reason) => /speaks for (fraud|the buyer) \([+-]\d/.test(reason)), reasons.join('; '));
  await picture(staff.page, `console-payment-${database}`);
  assert.deepEqual(await violations(staff.page), []);
  await staff.page.getByLabel(/^Give back/).fill('1.50');
  await staff.page.getByRole('button', { name: 'Give back' }).click();
  await staff.page.getByText('It is given back.').waitFor();
  // The rest was for fraud: that it was goes to the judgement, and to whatever learns of it.
  await staff.page.getByRole('button', { name: 'It went back for fraud' }).waitFor();
  await staff.page.getByLabel(/^Give back/).fill('1.00');
  await staff.page.getByLabel('It was fraud').check();
  await staff.page.getByRole('button', { name: 'Give back' }).click();
  await staff.page.getByText('It is given back, and noted as fraud.').waitFor();
  await staff.page.getByText('fraud, as is known now').waitFor();
  assert.equal(await staff.page.getByRole('button', { name: 'It went back for fraud' }).count(), 0);
  await picture(staff.page, `console-payment-fraud-${database}`);
  assert.deepEqual(await violations(staff.page), []);
  await staff.page.getByLabel(/^Give back/).fill('1000000');
  await staff.page.getByRole('button', { name: 'Give back' }).click();
  await staff.page.getByText(/No more than \d+ minor units are left/).waitFor();
  await staff.page.setViewportSize(PHONE);
  assert.equal(
    await staff.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth),
    false,
  );
  await picture(staff.page, `console-payment-phone-${database}`);
  await staff.context.close();
});
