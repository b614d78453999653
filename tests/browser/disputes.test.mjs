// A dispute at the console, in Chromium: a buyer's bank wants the money back, staff add a file to the evidence, and it goes out with it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database } from './lib/paths.mjs';
import { enrol } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';

/** Its owner disputes what was paid with it. */
const DISPUTED = '4000000000000259';
const PDF = Buffer.from('%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n');

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
const desk = (place) => new URL(place, stand.ready.console).href;

async function pays(page) {
  await page.goto(at('/account/sign-in'));
  await page.locator('input[name=email]').first().fill(stand.ready.customer.email);
  await page.locator('input[name=password]').first().fill(stand.ready.customer.password);
  await page.locator('form:has(input[name=password]) button').first().click();
  await page.waitForURL((url) => url.pathname !== '/account/sign-in');
  await page.goto(at('/product/peat-mug'));
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.waitForFunction(() => Number(document.querySelector('[data-cart-count]')?.textContent) > 0);
  await page.goto(at('/checkout'));
  await page.getByLabel(/^Online/).check();
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.waitForURL((url) => url.origin !== new URL(stand.ready.shop).origin);
  await page.getByLabel('Card number').fill(DISPUTED);
  for (const [label, value] of [['Expiry', '12 / 34'], ['Security code', '123'], ['Name on card', 'Ella Fairley'], ['Email', 'ella@example.com']]) {
    await page.getByLabel(label).first().fill(value);
  }
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin);
}

test('staff add a file to the evidence of a dispute, and it goes out with it', async () => {
  const buyer = await browser.visitor();
  buyer.context.setDefaultTimeout(60_000);
  await pays(buyer.page);
  const { page, context, faults } = await browser.visitor();
  context.setDefaultTimeout(60_000);
  await enrol(page, stand.ready);
  for (const end = Date.now() + 120_000; ;) {
    await page.goto(desk('/payments/disputes'));
    if (await page.getByText('waits for an answer').first().isVisible()) break;
    assert.ok(Date.now() < end, 'no dispute within two minutes');
    await page.waitForTimeout(1000);
  }
  await page.locator('a[href^="/payments/disputes/stripe."]').first().click();
  await page.getByRole('heading', { name: 'Files' }).waitFor();

  // What is no such file is not taken, whatever its name says.
  const choose = async (name, buffer) => {
    await page.getByLabel('Add a file that shows').selectOption('shipping');
    await page.getByLabel('PDF, PNG or JPEG').setInputFiles({ name, mimeType: 'application/pdf', buffer });
    await page.getByRole('button', { name: 'Add the file' }).click();
  };
  await choose('label.pdf', Buffer.from('<html>no parcel</html>'));
  await page.getByText(/no whole PDF, PNG or JPEG/).waitFor();
  await choose('label of Ella.pdf', PDF);
  await page.getByText('It is added.').waitFor();
  await page.getByRole('cell', { name: /^label of Ella\.pdf \(PDF, 1 KiB\)/ }).waitFor();
  await page.getByRole('cell', { name: 'shipping.pdf (1 KiB)' }).waitFor();
  for (const [size, colorScheme, name] of [[DESKTOP, 'light', 'desktop'], [PHONE, 'dark', 'phone']]) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), []);
    const { scrolled, wide } = await page.evaluate(() => ({ scrolled: document.documentElement.scrollWidth, wide: innerWidth }));
    assert.ok(scrolled <= wide, `${name}: ${scrolled} of ${wide}`);
    await picture(page, `dispute-${name}-${colorScheme}-${database}`);
  }
  await page.getByLabel(/^Send the evidence/).fill('yes');
  await page.getByRole('button', { name: 'Send the evidence' }).click();
  await page.getByText('The evidence is with the provider.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Add the file' }).count(), 0);
  assert.deepEqual(faults.filter((fault) => !/answer: 422|status of 422|answer: 400|status of 400/.test(fault)), []);
  await buyer.context.close();
  await context.close();
});
