// WordPress in a folder of its host, under the policy that asks customers for least: whoever stole the owner's password gets into
// the back office by no side door, and whoever stole a customer's makes no password for programs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, picture } from '../browser/lib/chromium.mjs';
import { database } from '../browser/lib/paths.mjs';
import { Postbox } from '../browser/lib/postbox.mjs';
import { sleep } from '../browser/lib/processes.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { addApp, looked, showApp } from './lib/back-office.mjs';
import { formsOfPhp, ofTheAccount, ofTheBackOffice, tried } from './lib/side-doors.mjs';
import { Thief } from './lib/thief.mjs';
import { CUSTOMER, OTHER, OWNER, PACKER, WordPress } from './lib/wordpress.mjs';

const BASE = '/blog';
const CHALLENGE = '/.storeward/challenge';
// WordPress sends whole addresses of its own along, which is an attack where they name the machine itself.
const LOCALHOST = [19110, 19111].map((rule) => `[[inspect.exceptions]]\nrule = ${rule}\nparameter = "redirect_to"\n`).join('');

let shop;
let postbox;
let stand;
let browser;

before(async () => {
  shop = await WordPress.start(BASE);
  postbox = await Postbox.open();
  const more = `${postbox.config()}[identity]\ncustomers = "offered"\n[shield]\nstaff_first_factor = "mail"\nadapter = "auto"\n[bans]\nmode = "note"\n${LOCALHOST}`;
  stand = await runInFrontOf(shop.url, more);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await postbox?.close();
  await shop?.stop();
});

const thief = () => new Thief(stand.ready.shop, stand.ready.ca);
const login = ({ login: log, password: pwd }) => ({ log, pwd, 'wp-submit': 'Log In', testcookie: '1' });

async function signedIn(who, account) {
  await who.get(`${BASE}/wp-login.php`);
  return who.post(`${BASE}/wp-login.php`, login(account));
}

test("the owner's password alone opens nothing, by no page and no interface", async () => {
  const before = await shop.owned();
  const who = thief();
  assert.equal((await signedIn(who, OWNER)).location, CHALLENGE, 'asked, though customers are not');
  assert.deepEqual(await tried(who, ofTheBackOffice(BASE)), []);
  assert.deepEqual(await tried(who, ofTheAccount(BASE)), []);
  // Nor by another door: WooCommerce's form on any page.
  const other = thief();
  await other.get(`${BASE}/peat-mug/`);
  const answer = await other.post(`${BASE}/peat-mug/`, { username: OWNER.email, password: OWNER.password, login: '1' });
  assert.equal(answer.location, CHALLENGE);
  assert.deepEqual(await tried(other, ofTheBackOffice(BASE)), []);
  assert.deepEqual(await shop.owned(), before);
});

test("nor with the owner's mail beside it", async () => {
  const before = await shop.owned();
  const sent = postbox.mails.filter((mail) => mail.to.includes(OWNER.email)).length;
  const who = thief();
  await signedIn(who, OWNER);
  const page = await who.get(CHALLENGE);
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)[1];
  const secret = await postbox.code(OWNER.email, sent + 1);
  const passed = await who.post(CHALLENGE, { csrf, method: 'mail', secret });
  assert.equal(passed.status, 303);
  const told = await who.get(`${BASE}/wp-admin/`);
  assert.ok(told.location.startsWith('/.storeward/account/back-office?next='), `${told.status} ${told.location}`);
  assert.deepEqual(await tried(who, ofTheBackOffice(BASE)), []);
  assert.deepEqual(await tried(who, ofTheAccount(BASE)), []);
  // The number that scripts need is not to be had either, nor is any page of the shop with these rights.
  for (const path of [`${BASE}/wp-admin/admin-ajax.php?action=rest-nonce`, `${BASE}/peat-mug/`, `${BASE}/wp-json/`]) {
    const page = await who.get(path);
    assert.ok(page.status === 303 || page.status === 403, `${path}: ${page.status}`);
  }
  assert.deepEqual(await shop.owned(), before);
});

test('a customer whose password was stolen makes no password for programs and keeps their address', async () => {
  const before = await shop.owned();
  const who = thief();
  const answer = await signedIn(who, CUSTOMER);
  assert.notEqual(answer.location, CHALLENGE, 'that is what "offered" means');
  assert.ok((await who.get(`${BASE}/my-account/`)).body.includes(CUSTOMER.shown));
  const nonce = (await who.get(`${BASE}/wp-admin/admin-ajax.php?action=rest-nonce`)).body.trim();
  assert.match(nonce, /^[0-9a-f]{10}$/);
  assert.deepEqual(await tried(who, ofTheAccount(BASE), nonce), []);
  assert.deepEqual(await tried(who, ofTheBackOffice(BASE), nonce), []);
  // PHP reads each of these forms; two of them changed the address.
  for (const route of ['/wp/v2/users/me', '/wp/v2/users/me/application-passwords']) {
    for (const [kind, body] of formsOfPhp({ rest_route: route, email: 'thief@evil.example', name: 'thief' })) {
      const answer = await who.post(`${BASE}/`, body, { 'content-type': kind, 'x-wp-nonce': nonce });
      assert.ok([400, 403].includes(answer.status), `${kind}: ${answer.status}`);
    }
  }
  const me = await who.get(`${BASE}/wp-json/wp/v2/users/me`, { 'x-wp-nonce': nonce, accept: 'application/json' });
  assert.equal(me.status, 200, 'to read what is one\'s own takes nothing more');
  assert.deepEqual(await shop.owned(), before);
});

test("the shop's door slows guesses down on every page, and a puzzle gives the customer a try", async () => {
  const { page, context } = await browser.visitor();
  const { host } = new URL(stand.ready.shop);
  await page.goto(`https://${host}${BASE}/wp-login.php`);
  const fill = async () => {
    await page.locator('#user_login').fill(CUSTOMER.login);
    await page.locator('#user_pass').fill(CUSTOMER.password);
    await page.locator('#wp-submit').click();
  };
  // From ever new addresses, by two forms on two pages and in two spellings, until the name has to wait for long.
  let [heard, wait] = [0, 0];
  for (let guess = 0; wait < 20 && guess < 600; guess += 1) {
    const name = guess % 3 ? CUSTOMER.login : `el<i>la%41`;
    const fields = guess % 2 ? login({ login: name, password: 'wrong' }) : { username: name, password: 'wrong', login: '1' };
    const answer = await thief().post(guess % 2 ? `${BASE}/wp-login.php` : `${BASE}/peat-mug/`, fields);
    if (answer.status === 429) wait = Number(answer.headers['retry-after']);
    else heard += 1;
    await sleep(100);
  }
  assert.ok(wait >= 20 && heard <= 12, `${heard} were heard by the shop, and the wait is ${wait} s`);
  // In a browser, elsewhere: the page in the shop's place, its puzzle, and the form once more.
  await fill();
  await page.getByRole('heading', { name: 'One moment, please' }).waitFor();
  await picture(page, `too-often-${database}`);
  await page.getByRole('link', { name: 'Back to the sign-in' }).waitFor({ timeout: 120_000 });
  await looked(page, `too-often-solved-${database}`);
  await page.getByRole('link', { name: 'Back to the sign-in' }).click();
  await fill();
  await page.waitForURL(/wp-admin|my-account|step-up|back-office/);
  await page.goto(`https://${host}${BASE}/my-account/`);
  await page.getByText(`Hello ${CUSTOMER.shown}`).waitFor();
  await context.close();
});

test('the owner adds an app and is in the back office', async () => {
  const { page, context } = await browser.visitor();
  const sent = postbox.mails.filter((mail) => mail.to.includes(OWNER.email)).length;
  await page.goto(new URL(`${BASE}/wp-login.php`, stand.ready.shop).href);
  await page.locator('#user_login').fill(OWNER.login);
  await page.locator('#user_pass').fill(OWNER.password);
  await page.locator('#wp-submit').click();
  await page.getByLabel(/Code/).fill(await postbox.code(OWNER.email, sent + 1));
  await page.getByRole('button', { name: 'Go on' }).click();
  const app = await addApp(page);
  await page.goto(new URL(`${BASE}/wp-admin/`, stand.ready.shop).href);
  await showApp(page, app);
  await page.locator('#wpadminbar').waitFor();
  await picture(page, `wordpress-folder-admin-${database}`);
  await context.close();
});

test('whoever has more rights than a customer is asked, whatever the back office shows of it', async () => {
  // A plugin within WordPress refuses with the very page that customers see; and a role of the shop's own has not the one right that the
  // page takes which is asked for.
  for (const [answer, account] of [['inside', OWNER], ['inside', PACKER], [null, PACKER]]) {
    await shop.guardOffice(answer);
    const who = thief();
    assert.equal((await signedIn(who, account)).location, CHALLENGE, `${account.login}, ${answer}`);
    assert.deepEqual(await tried(who, ofTheBackOffice(BASE)), [], `${account.login}, ${answer}`);
    // Customers are customers all the same: WordPress says so.
    assert.notEqual((await signedIn(thief(), OTHER)).location, CHALLENGE, `${answer}`);
  }
});

test('where the back office opens to some networks only, nobody is a customer because its guard says no', async () => {
  for (const answer of ['forbid', 'lead', 'die']) {
    await shop.guardOffice(answer);
    const who = thief();
    assert.equal((await signedIn(who, OWNER)).location, CHALLENGE, `asked, though nobody says who it is (${answer})`);
    assert.deepEqual(await tried(who, ofTheBackOffice(BASE)), [], answer);
  }
  // From there the shop itself answers, and customers are customers.
  await shop.guardOffice(null);
  assert.notEqual((await signedIn(thief(), OTHER)).location, CHALLENGE);
});
