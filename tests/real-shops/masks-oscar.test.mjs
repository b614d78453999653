// django-oscar's dashboard, unmodified from PyPI, behind the masks: whoever has no role sees nobody there, whoever owns the shop sees everybody.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, picture } from '../browser/lib/chromium.mjs';
import { Gate } from '../browser/lib/gate.mjs';
import { database } from '../browser/lib/paths.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { config, leaked, missing, twoOfStaff } from './lib/masks.mjs';
import { Oscar, STAFF } from './lib/oscar.mjs';

let [shop, stand, browser, staff] = [];
const SECRETS = ['ella@people.example', 'Slate Roof Lane', '960123', '960 123', 'greta@guests.example', 'Greta Gast', 'Ella Kiln'];
let paths;

async function signIn(page) {
  await page.goto(new URL('/accounts/login/', stand.ready.shop).href);
  await page.locator('#id_login-username').fill(STAFF.email);
  await page.locator('#id_login-password').fill(STAFF.password);
  await page.getByRole('button', { name: 'Log In' }).click();
  // Oscar leads staff on to the dashboard, before which the gate stands.
  await new Gate(page, stand.ready).goOn();
  await page.getByRole('heading', { name: 'Dashboard' }).first().waitFor();
}

before(async () => {
  shop = await Oscar.start();
  const { user, order, note, review } = await shop.people();
  stand = await runInFrontOf(shop.url, config('django-oscar', ['/dashboard'], [STAFF.email]));
  browser = await open(stand.ready.ca);
  staff = await twoOfStaff(browser, stand);
  await signIn(staff.nobody);
  paths = [
    ['/dashboard/'],
    ['/dashboard/users/'],
    [`/dashboard/users/${user}/`],
    ['/dashboard/users/?email=ella'],
    ['/dashboard/orders/'],
    [`/dashboard/orders/${order}/`],
    [`/dashboard/orders/${order}/notes/${note}/`],
    [`/dashboard/orders/${order}/shipping-address/`],
    ['/dashboard/orders/statistics/'],
    ['/dashboard/orders/?name=Ella&response_format=csv&download=csv'],
    ['/dashboard/reports/'],
    ['/dashboard/reports/?report_type=order_report&date_from=2020-01-01&date_to=2030-01-01'],
    ['/dashboard/reports/?report_type=order_report&date_from=2020-01-01&date_to=2030-01-01&download=download'],
    ['/dashboard/reports/?report_type=user_analytics&date_from=&date_to='],
    ['/dashboard/reviews/'],
    [`/dashboard/reviews/${review}/`],
    ['/dashboard/partners/'],
  ];
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await shop?.stop();
});

test('without a role nobody is seen on any page of the dashboard', async () => {
  const { nobody: page } = staff;
  assert.deepEqual(await leaked(page, paths, SECRETS), []);
  await page.goto(new URL('/dashboard/orders/', stand.ready.shop).href);
  await page.getByText('•••').first().waitFor();
  await picture(page, `masks-oscar-orders-${database}`);
});

test('the owner sees all of it', async () => {
  const { owner: page } = staff;
  await signIn(page);
  await page.goto(new URL('/dashboard/users/', stand.ready.shop).href);
  await page.getByText('ella@people.example').first().waitFor();
  assert.deepEqual(await missing(page, paths, SECRETS.filter((secret) => !secret.startsWith('960'))), []);
});
