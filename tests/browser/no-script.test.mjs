// The console without JavaScript: staff behind a strict browser can still work.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { get, injection } from './lib/attack.mjs';
import { open, picture } from './lib/chromium.mjs';
import { Console, REFERENCE } from './lib/pages.mjs';
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

test('enrolment, sign-in, Now, Explore and Blocked work without JavaScript', async () => {
  const { page, context, faults } = await browser.visitor({ javaScriptEnabled: false });
  const console = new Console(page, stand.ready.console);

  const authenticator = await enrol(page, stand.ready);
  await console.signOut();
  await console.signIn(PERSON, await authenticator.next());

  const answer = await get(injection(stand.ready.shop), stand.ready.ca, { accept: 'text/html' });
  const reference = REFERENCE.exec(answer.body)[0];

  // No stream without a script: the page as it is loaded holds the newest.
  for (let tries = 0; tries < 50 && !(await console.stoppedRow(reference).isVisible()); tries++) await console.openNow();
  await console.stoppedRow(reference).waitFor();
  await picture(page, `no-script-now-${database}`);

  await console.openExplore('?verdict=blocked');
  await console.openRow(console.exploreRow(reference));
  await picture(page, `no-script-request-${database}`);

  await console.openBlocked();
  await console.lookUp(reference.toUpperCase());
  assert.ok(page.url().endsWith(reference));
  await picture(page, `no-script-blocked-${database}`);

  assert.deepEqual(faults, []);
  await context.close();
});
