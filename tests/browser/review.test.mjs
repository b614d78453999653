// Payments that somebody has to look at, in Chromium: decided without a mouse from the sign-in on, no slip of a key decides, and who watches
// sees a payment come, wait and be decided without loading a page again, also after the connection was gone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { quietWeeks } from './lib/clock.mjs';
import { Console } from './lib/pages.mjs';
import { database } from './lib/paths.mjs';
import { Relay } from './lib/relay.mjs';
import { enrol, PERSON } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';

const CREDIT = '4242424242424242';
/** A card that the rule of this test has looked at. */
const DEBIT = '4000056655665556';

let stand;
let browser;
let authenticator;
/** Staff with a mouse, who set things up and look from beside. */
let beside;
let buyer;

before(async () => {
  stand = await sampleShop();
  browser = await open(stand.ready.ca);
  beside = await visitor();
  authenticator = await enrol(beside.page, stand.ready);
  buyer = await visitor();
  await signIn(buyer.page);
  await pays(buyer.page, CREDIT);
  await quietWeeks(stand);
  await beside.page.goto(desk('/review/rules'));
  const rule = beside.page.locator('form[action="/review/rules/debit_per_address"]');
  await rule.getByRole('textbox').fill('0');
  await rule.getByRole('combobox').selectOption('active');
  await rule.getByRole('button').click();
  await beside.page.getByText('The rule is changed.').waitFor();
});

after(async () => {
  await browser?.close();
  await stand?.stop();
});

/** Patient: much of what is waited for here takes the shop, its provider and the console together. */
async function visitor() {
  const one = await browser.visitor();
  one.context.setDefaultTimeout(60_000);
  return one;
}

const at = (place) => new URL(place, stand.ready.shop).href;
const desk = (place) => new URL(place, stand.ready.console).href;

async function signIn(page) {
  await page.goto(at('/account/sign-in'));
  await page.locator('input[name=email]').first().fill(stand.ready.customer.email);
  await page.locator('input[name=password]').first().fill(stand.ready.customer.password);
  await page.locator('form:has(input[name=password]) button').first().click();
  await page.waitForURL((url) => url.pathname !== '/account/sign-in');
}

/** Orders something and pays by card, as the demo shows it. Gives the order's number. */
async function pays(page, card) {
  await page.goto(at('/product/peat-mug'));
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.waitForFunction(() => Number(document.querySelector('[data-cart-count]')?.textContent) > 0);
  await page.goto(at('/checkout'));
  await page.getByLabel(/^Online/).check();
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.getByRole('heading', { name: 'Payment', level: 1 }).waitFor();
  const order = new URL(page.url()).searchParams.get('order');
  await page.getByRole('button', { name: 'Pay by card' }).click();
  await page.waitForURL((url) => url.origin !== new URL(stand.ready.shop).origin);
  await page.getByLabel('Card number').fill(card);
  for (const [label, value] of [['Expiry', '12 / 34'], ['Security code', '123'], ['Name on card', 'Ella Fairley'], ['Email', 'ella@example.com']]) {
    await page.getByLabel(label).first().fill(value);
  }
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin, { timeout: 30_000 });
  return order;
}

/** Orders that wait, as the server has it. */
async function waiting() {
  const page = await beside.context.newPage();
  await page.goto(desk('/review'));
  const found = await page.locator('[data-row] h2').allInnerTexts();
  await page.close();
  return found.map((text) => text.replace(/^Order /, ''));
}

async function until(what, holds) {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.fail(`not within a minute: ${what}`);
}

const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement);

/** Goes on by the tab key until the element has the focus, and holds every stop on the way to showing where it is. */
async function tabTo(page, locator) {
  await locator.waitFor();
  for (let stops = 0; stops < 80; stops += 1) {
    if ((await locator.count()) === 1 && (await hasFocus(locator))) return;
    await page.keyboard.press('Tab');
    const shown = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2);
    });
    assert.ok(shown, `no outline: ${await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120))}`);
  }
  assert.fail('the tab key does not lead there');
}

/** Marks the document: a page that was loaded again has no mark. */
const mark = (page) => page.evaluate(() => { document.documentElement.dataset.same = 'yes'; });
const isSame = (page) => page.evaluate(() => document.documentElement.dataset.same === 'yes');

test('the queue by keyboard alone, from the sign-in to the decision', async () => {
  const orders = [];
  for (let number = 0; number < 3; number += 1) orders.push(await pays(buyer.page, DEBIT));
  await until('three wait', async () => (await waiting()).length === 3);

  const { page, context, faults } = await visitor();
  const { keyboard } = page;
  const row = (number) => page.locator('[data-row]').nth(number);
  const link = (number) => row(number).getByRole('link').first();
  const button = (number, word) => row(number).getByRole('button', { name: word });

  await page.goto(desk('/review'));
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  for (const [label, text] of [['E-mail', PERSON.email], ['Password', PERSON.password], [/^Code/, await authenticator.next()]]) {
    await tabTo(page, page.getByLabel(label));
    await keyboard.type(text);
  }
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'To look at', level: 1 }).waitFor();
  assert.equal(await page.locator('[data-row]').count(), 3);

  // Outside of the list no key does anything.
  for (const key of ['a', 'a', 'd', 'd', 'j', '?']) await keyboard.press(key);
  assert.equal((await waiting()).length, 3);
  await tabTo(page, link(0));
  await keyboard.press('?');
  await page.getByText('go to the next and the one before').waitFor();
  await picture(page, `review-keys-${database}`);
  await keyboard.press('?');

  await keyboard.press('j');
  assert.ok(await hasFocus(link(1)));
  await keyboard.press('j');
  await keyboard.press('j');
  assert.ok(await hasFocus(link(2)), 'the last one is the last');
  await keyboard.press('k');
  assert.ok(await hasFocus(link(1)));

  // One key goes to the button and decides nothing; no other key, nor one that is held down, does.
  await keyboard.press('a');
  assert.ok(await hasFocus(button(1, /^Approve/)));
  await row(1).getByText('The same key again, or Enter, decides.').waitFor({ state: 'visible' });
  await picture(page, `review-armed-${database}`);
  await keyboard.press('Escape');
  assert.ok(await hasFocus(link(1)));
  await keyboard.down('d');
  for (let times = 0; times < 5; times += 1) await keyboard.down('d');
  await keyboard.up('d');
  assert.ok(await hasFocus(button(1, /^Decline/)));
  await keyboard.press('a');
  assert.ok(await hasFocus(button(1, /^Approve/)), 'another key is no second one');
  for (const key of ['Control+a', 'Alt+a', 'j', 'k', 'k', 'x', 'A']) await keyboard.press(key);
  // What somebody types is text, also inside of the list.
  await row(0).evaluate((element) => element.querySelector('form').prepend(document.createElement('input')));
  await row(0).getByRole('textbox').focus();
  await keyboard.type('a dad asked?');
  assert.equal(await row(0).getByRole('textbox').inputValue(), 'a dad asked?');
  assert.ok(await hasFocus(row(0).getByRole('textbox')));
  assert.deepEqual((await waiting()).sort(), [...orders].sort(), 'nothing is decided');

  // Two presses decide, about this row and no other; the focus is on the next one then.
  await link(1).focus();
  const [approved, declined] = [await order(link(1)), await order(link(2))];
  await keyboard.press('a');
  await keyboard.press('a');
  await page.getByText('It is approved.').waitFor();
  assert.ok(await hasFocus(link(0)), 'goes on by key');
  await keyboard.press('j');
  assert.equal(await order(link(1)), declined);
  await keyboard.press('d');
  await keyboard.press('Enter');
  await page.getByText('It is declined').waitFor();
  const left = orders.find((one) => one !== approved && one !== declined);
  assert.deepEqual(await waiting(), [left]);

  // Enter opens the payment.
  assert.ok(await hasFocus(link(0)));
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'In the books' }).waitFor();
  await page.goto(desk('/payments'));
  const line = (of) => page.getByRole('row').filter({ has: page.getByRole('link', { name: of, exact: true }) });
  await line(approved).getByText('paid').waitFor({ timeout: 30_000 });
  await line(declined).getByText('set free').waitFor({ timeout: 30_000 });
  await line(left).getByText('set aside').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

const order = async (link) => (await link.innerText()).replace(/^Order /, '');

test('a payment appears at the console as it happens, and again after the connection was gone', async () => {
  const { page, faults } = beside;
  const relay = await Relay.to(new URL(stand.ready.console).port);
  const line = new URL(stand.ready.console);
  line.port = relay.port;
  const watcher = await beside.context.newPage();
  await watcher.goto(new URL('/review', line).href);
  const before = (await waiting()).length;
  await page.goto(new URL('/payments', line).href);
  const said = new Console(page, stand.ready.console);
  await said.waitUntilLive();
  await mark(page);
  await mark(watcher);
  // Somebody is in the list: what is under their hand stays, what is new comes in.
  await watcher.locator('[data-row] a').first().focus();
  const held = await watcher.locator('[data-row]').first().getAttribute('id');

  const number = await pays(buyer.page, DEBIT);
  const rowOf = (which) => page.getByRole('row').filter({ has: page.getByRole('link', { name: which, exact: true }) });
  const row = rowOf(number);
  await row.getByText('set aside').waitFor({ timeout: 30_000 });
  await row.getByText('to look at').waitFor();
  const id = /pay_[0-9a-z]{26}/.exec(await row.getByRole('link').getAttribute('href'))[0];
  const facts = page.locator('[data-list=facts]');
  for (const words of [`${id} is to be looked at by debit per address`, `${id} waits for a decision`]) {
    await facts.getByText(words).first().waitFor({ timeout: 30_000 });
  }
  await until('it is in the queue', async () => (await watcher.locator('[data-row]').count()) === before + 1);
  assert.ok(await hasFocus(watcher.locator(`#${held} a`).first()), 'the focus stays');
  const entry = watcher.locator(`#r-${id}`);
  await entry.getByText(/debit or prepaid/).waitFor();
  for (const [size, colorScheme, name] of [[DESKTOP, 'light', 'desktop'], [PHONE, 'dark', 'phone']]) {
    await watcher.setViewportSize(size);
    await watcher.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(watcher), []);
    const { scrolled, wide } = await watcher.evaluate(() => ({ scrolled: document.documentElement.scrollWidth, wide: innerWidth }));
    assert.ok(scrolled <= wide, `${name}: ${scrolled} of ${wide}`);
    await picture(watcher, `review-${name}-${colorScheme}-${database}`);
  }

  // Decided by somebody else: it goes from the list that is open, too.
  assert.ok(await entry.getByRole('button', { name: /^Approve/ }).isVisible());
  const other = await beside.context.newPage();
  await other.goto(desk('/review'));
  await other.locator(`#r-${id}`).getByRole('button', { name: /^Approve/ }).click();
  await other.getByText('It is approved.').waitFor();
  await other.close();
  await until('it is gone from the queue', async () => (await entry.count()) === 0);
  await row.getByText('paid').waitFor({ timeout: 30_000 });
  await facts.getByText(`${id} waits no longer: approved`).waitFor({ timeout: 30_000 });

  // The connection is gone; meanwhile a buyer pays. What was missed comes with the new one, once.
  relay.cut();
  await page.locator('[data-live-state]', { hasText: /reconnecting/i }).waitFor({ timeout: 30_000 });
  const missed = await pays(buyer.page, CREDIT);
  assert.equal(await rowOf(missed).count(), 0);
  relay.mend();
  await said.waitUntilLive();
  await rowOf(missed).getByText('paid').waitFor({ timeout: 30_000 });
  const late = /pay_[0-9a-z]{26}/.exec(await rowOf(missed).getByRole('link').getAttribute('href'))[0];
  await facts.getByText(`${late} may be paid`).first().waitFor({ timeout: 30_000 });
  const numbers = await facts.locator('tr').evaluateAll((rows) => rows.map(({ id: number }) => Number(number.replace('fact-', ''))));
  assert.deepEqual(numbers, [...new Set(numbers)].sort((one, two) => two - one), 'each once, the newest first');
  assert.ok(await isSame(page) && await isSame(watcher), 'no page was loaded again');
  // A line that was cut is what the browser says of it.
  assert.deepEqual(faults.filter((fault) => !/net::ERR_/.test(fault)), []);
  relay.close();
});
