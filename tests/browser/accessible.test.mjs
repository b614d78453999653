// WCAG 2.2 AA by axe, phone and desktop, light and dark; and no page breaks its own content policy.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { get, injection } from './lib/attack.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { BlockedPage, Console, REFERENCE, Shop } from './lib/pages.mjs';
import { database } from './lib/paths.mjs';
import { Authenticator } from './lib/totp.mjs';
import { enrol } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';

let stand;
let browser;
/** Cookies of a signed-in member of staff. */
let signedIn;
let reference;

const LOOKS = [
  { screen: 'phone', viewport: PHONE, colorScheme: 'light' },
  { screen: 'phone', viewport: PHONE, colorScheme: 'dark' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'light' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'dark' },
];

before(async () => {
  stand = await sampleShop();
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
});

/** Opens a page in each look and wants no violation, and no fault but those that `allowed` fits. */
async function check(t, name, { allowed = /^$/, ...options }, go) {
  for (const { screen, ...look } of LOOKS) {
    await t.test(`${name}, ${screen}, ${look.colorScheme}`, async () => {
      const { page, context, faults } = await browser.visitor({ ...look, ...options });
      await go(page);
      await picture(page, `axe-${name}-${screen}-${look.colorScheme}-${database}`);
      const seen = faults.filter((fault) => !allowed.test(fault));
      const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      const found = await violations(page);
      await context.close();
      assert.deepEqual(found, []);
      assert.deepEqual(seen, []);
      assert.ok(width <= 0, `the page is ${width} px wider than the screen`);
    });
  }
}

// The enrolment page comes first: its link works once.
test('enrolment', (t) => check(t, 'enrol', {}, (page) => new Console(page).openEnrolment(stand.ready.enrolment)));

test('signing in', async (t) => {
  const { page, context } = await browser.visitor();
  await enrol(page, stand.ready);
  signedIn = await context.storageState();
  await context.close();
  const attack = await get(injection(stand.ready.shop), stand.ready.ca, { accept: 'text/html' });
  reference = REFERENCE.exec(attack.body)[0];
  await check(t, 'sign-in', {}, (page) => new Console(page, stand.ready.console).openSignIn());
});

test('the shop through the shield', (t) => check(t, 'shop-home', {}, (page) => new Shop(page, stand.ready.shop).openHome()));

test('the blocked page', (t) => {
  const allowed = /^(answer: 403|console: Failed to load resource.*403)/;
  return check(t, 'blocked-page', { allowed }, async (page) => {
    await page.goto(injection(stand.ready.shop));
    await new BlockedPage(page).heading.waitFor();
  });
});

const PAGES = {
  now: async (console) => {
    await console.openNow();
    await console.waitUntilLive();
  },
  explore: (console) => console.openExplore(),
  request: (console) => console.openRequest(reference),
  blocked: (console) => console.openBlocked(),
};

for (const [name, go] of Object.entries(PAGES)) {
  test(`the console's ${name}`, (t) =>
    check(t, `console-${name}`, { storageState: signedIn }, (page) => go(new Console(page, stand.ready.console))));
}

for (const place of ['payments', 'payments/disputes', 'review', 'review/rules', 'scripts']) {
  test(`the console's ${place}`, (t) =>
    check(t, `console-${place.replace('/', '-')}`, { storageState: signedIn }, async (page) => {
      const answer = await page.goto(new URL(`/${place}`, stand.ready.console).href);
      assert.equal(answer.status(), 200);
      await page.getByRole('main').waitFor();
    }));
}

test('the test reads authenticator keys as RFC 6238 does', async () => {
  const { code } = await import('./lib/totp.mjs');
  assert.equal(code('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', 1), '287082');
  assert.ok(Authenticator);
});
