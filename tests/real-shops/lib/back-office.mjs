// What a member of the shop's staff does in a browser to get into the back office behind the shield.
import assert from 'node:assert/strict';

import { violations } from '../../browser/lib/accessible.mjs';
import { picture } from '../../browser/lib/chromium.mjs';
import { database } from '../../browser/lib/paths.mjs';
import { Authenticator } from '../../browser/lib/totp.mjs';

/** The page that says what the back office takes, and the app that is added there. */
export async function addApp(page) {
  await page.getByRole('heading', { name: 'The shop\'s back office' }).waitFor();
  await looked(page, `back-office-${database}`);
  await page.getByRole('link', { name: 'Authenticator app' }).click();
  await page.getByRole('button', { name: 'Begin' }).click();
  const app = new Authenticator(await page.locator('code.long').innerText());
  await page.getByLabel(/Type the code/).fill(await app.next());
  await page.getByRole('button', { name: 'Add the app' }).click();
  await page.waitForURL(/done=totp/);
  return app;
}

/** Proves it once more, where the back office asks. */
export async function showApp(page, app) {
  await page.waitForURL(/step-up/);
  await page.locator('main form button').first().click();
  await page.getByLabel(/app/i).fill(await app.next());
  await page.getByRole('button', { name: 'Go on' }).click();
}

/** At a desk and on a telephone, by day and by night: nothing runs out of the page, and axe finds nothing. */
export async function looked(page, name) {
  const desk = page.viewportSize();
  for (const [width, colorScheme] of [[390, 'light'], [390, 'dark'], [1280, 'dark'], [1280, 'light']]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], `${name}, ${width} px, ${colorScheme}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is wider than ${width} px`);
    await picture(page, `${name}-${width}-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(desk);
}
