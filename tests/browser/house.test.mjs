// What the demo shows beside the front door: the shop's own admin behind the console's sign-in, masked by role, and a backup that was tried.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violations } from './lib/accessible.mjs';
import { open, PHONE, picture } from './lib/chromium.mjs';
import { Gate } from './lib/gate.mjs';
import { database, storewardBinary } from './lib/paths.mjs';
import { output, sleep } from './lib/processes.mjs';
import { enrol } from './lib/staff.mjs';
import { sampleShop } from './lib/stand.mjs';

const SUE = { name: 'Sue Helper', email: 'sue@shop.example', password: 'seven boats under a paper moon' };

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

/** Through the gate and the shop's own sign-in to its list of customers; gives the list's text. */
async function customers(page, gone) {
  const gate = new Gate(page, stand.ready);
  await page.goto(at('/admin/customers'));
  await gate.goOn();
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin && !url.pathname.startsWith('/.storeward'));
  await page.goto(at('/account/sign-in'));
  await page.locator('input[name=email]').first().fill(stand.ready.admin.email);
  await page.locator('input[name=password]').first().fill(stand.ready.admin.password);
  await page.locator('form:has(input[name=password]) button').first().click();
  await page.waitForURL((url) => url.pathname !== '/account/sign-in');
  await page.goto(at('/admin/customers'));
  await picture(page, `house-${gone}-${database}`);
  return page.locator('main').innerText();
}

test('the owner sees the shop\'s customers, support sees masks, a stranger neither', async () => {
  const stranger = await browser.visitor();
  await stranger.page.goto(at('/admin/customers'));
  assert.equal(new URL(stranger.page.url()).origin, new URL(stand.ready.console).origin);
  await stranger.context.close();

  const owner = await browser.visitor();
  await enrol(owner.page, stand.ready);
  const whole = await customers(owner.page, 'owner');
  assert.match(whole, /@example\./);

  const say = (...words) =>
    output(storewardBinary, ['staff', ...words, '--dir', path.join(stand.dir, 'data')], { cwd: stand.dir, log: path.join(stand.dir, 'words.log') });
  const link = /https:\/\/\S+\/enrol\/\S+/.exec(await say('invite'))[0];
  const support = await browser.visitor();
  await enrol(support.page, { ...stand.ready, enrolment: link }, SUE);
  await say('groups', SUE.email, 'support');
  const masked = await customers(support.page, 'support');
  assert.match(masked, /•••/);
  for (const address of whole.match(/[\w.+-]+@example\.\w+/g)) assert.ok(!masked.includes(address), 'an address is shown whole');
  assert.deepEqual([owner.faults, support.faults], [[], []]);
  await support.context.close();

  // Whom both saw is on record.
  await owner.page.goto(new URL('/data/seen', stand.ready.console).href);
  await picture(owner.page, `house-seen-${database}`);
  await owner.page.locator('main tbody').getByText(SUE.name).first().waitFor();
  await owner.context.close();
});

/** Has the backups read. The program makes its first one, and tries it, by itself: only one is at it at a time, and the others are told so. */
async function verified() {
  const end = Date.now() + 90_000;
  for (;;) {
    try {
      return await output(storewardBinary, ['backup', 'verify', '--dir', path.join(stand.dir, 'data')], { cwd: stand.dir, log: path.join(stand.dir, 'backup.log') });
    } catch (fault) {
      if (!String(fault).includes('another backup, restore or drill is under way') || Date.now() > end) throw fault;
      await sleep(500);
    }
  }
}

test('a backup was made and restored on trial, and the page says so', async () => {
  const { page, context, faults } = await browser.visitor();
  await verified();
  const link = /https:\/\/\S+\/enrol\/\S+/.exec(
    await output(storewardBinary, ['staff', 'invite', '--dir', path.join(stand.dir, 'data')], { cwd: stand.dir, log: path.join(stand.dir, 'words.log') }),
  )[0];
  await enrol(page, { ...stand.ready, enrolment: link }, { name: 'Bo Cellar', email: 'bo@shop.example', password: 'nine quiet ladders in the rain' });
  // The trial comes after the backup, and the page says what was when it was asked for.
  const end = Date.now() + 90_000;
  const passed = page.getByText('Passed').first();
  await page.goto(new URL('/backups', stand.ready.console).href);
  while (!(await passed.isVisible()) && Date.now() < end) {
    await sleep(1_000);
    await page.reload();
  }
  await passed.waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), []);
  }
  await page.setViewportSize(PHONE);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
  await picture(page, `house-backups-${database}`);
  assert.deepEqual(faults, []);
  await context.close();
});
