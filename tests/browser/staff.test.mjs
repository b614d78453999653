// The first member of staff: enrols, signs in, and sees an attack arrive.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { get, injection } from './lib/attack.mjs';
import { open, picture } from './lib/chromium.mjs';
import { BlockedPage, Console, REFERENCE, SPOKEN } from './lib/pages.mjs';
import { database } from './lib/paths.mjs';
import { enrol, PERSON } from './lib/staff.mjs';
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

test('an attack is stopped, shows on Now without reload, and is found by its reference', async () => {
  const { page, context, faults } = await browser.visitor();
  const console = new Console(page, stand.ready.console);

  const authenticator = await enrol(page, stand.ready);
  await console.signOut();
  await console.signIn(PERSON, await authenticator.next());
  await console.waitUntilLive();
  await page.evaluate(() => (globalThis.loadedOnce = true));
  await picture(page, `console-now-quiet-${database}`);

  const answer = await get(injection(stand.ready.shop), stand.ready.ca, { accept: 'text/html' });
  assert.equal(answer.status, 403);
  const reference = REFERENCE.exec(answer.body)?.[0];
  assert.ok(reference, `no reference number on the page: ${answer.body}`);
  assert.doesNotMatch(answer.body, /UNION|sql/i, 'an attacker learns what gave them away');

  await console.stoppedRow(reference).waitFor({ timeout: 10_000 });
  assert.equal(await page.evaluate(() => globalThis.loadedOnce), true, 'the page was loaded again');
  assert.equal(await console.saysNothingWasStopped(), false, 'it still says that nothing had to be stopped');
  await picture(page, `console-now-attack-${database}`);

  await console.openBlocked();
  await picture(page, `console-blocked-${database}`);
  await console.lookUp(reference);
  await page.getByText(reference).first().waitFor();

  await console.openExplore('?verdict=blocked');
  await console.openRow(console.exploreRow(reference));
  assert.ok(page.url().endsWith(reference));
  await picture(page, `console-request-${database}`);

  assert.deepEqual(faults, []);
  await context.close();
});

test('a program gets problem+json with the reference, and the link enrols nobody twice', async () => {
  const answer = await get(injection(stand.ready.shop), stand.ready.ca, { accept: 'application/json' });
  assert.equal(answer.status, 403);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.match(JSON.parse(answer.body).reference, REFERENCE);

  const again = await get(stand.ready.enrolment, stand.ready.ca);
  assert.ok(again.status >= 400, `a spent link answers ${again.status}`);
});

test('a blocked person sees a page with a reference number', async () => {
  const { page, context } = await browser.visitor();
  await page.goto(injection(stand.ready.shop));
  const blocked = new BlockedPage(page);
  await blocked.heading.waitFor();
  assert.match(await blocked.reference.innerText(), SPOKEN);
  await picture(page, `blocked-${database}`);
  await context.close();
});

test('a stranger sees nothing of the console', async () => {
  const { page, context } = await browser.visitor();
  for (const path of ['/', '/explore', '/blocked', '/ledger']) {
    await page.goto(new URL(path, stand.ready.console).href);
    assert.equal(await new Console(page, stand.ready.console).isSignedIn(), false);
    assert.match(new URL(page.url()).pathname, /^\/sign-in/, `${path} does not ask for a sign-in`);
  }
  await context.close();
});
