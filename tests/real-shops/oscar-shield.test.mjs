// django-oscar, unmodified from PyPI, behind the shield: a stolen password reaches the account by no door, its owner by one
// step more, and by none on a device that is trusted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, picture } from '../browser/lib/chromium.mjs';
import { database } from '../browser/lib/paths.mjs';
import { Postbox } from '../browser/lib/postbox.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { addApp, showApp } from './lib/back-office.mjs';
import { Canary } from './lib/canary.mjs';
import { CUSTOMER, Oscar, STAFF } from './lib/oscar.mjs';
import { Thief } from './lib/thief.mjs';

const CHALLENGE = '/.storeward/challenge';

let shop;
let postbox;
let canary;
let stand;
let browser;

before(async () => {
  shop = await Oscar.start();
  postbox = await Postbox.open();
  canary = await Canary.of('kim@shop.example');
  const more = `${postbox.config()}[identity]\ncustomers = "required"\n[shield]\nstaff_first_factor = "mail"\nadapter = "django-oscar"\n${canary.config}`;
  stand = await runInFrontOf(shop.url, more);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await postbox?.close();
  await canary?.close();
  await shop?.stop();
});

const thief = () => new Thief(stand.ready.shop, stand.ready.ca);
const token = (page) => /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(page.body)[1];

async function signIn(who, path, { email, password } = CUSTOMER) {
  const page = await who.get('/accounts/login/');
  const fields = { csrfmiddlewaretoken: token(page), 'login-username': email, 'login-password': password, 'login-redirect_url': '', login_submit: 'Log In' };
  return who.post(path, fields, { referer: `${who.shop.origin}/accounts/login/` });
}

async function seesNothing(who, what) {
  for (const path of ['/accounts/', '/accounts/profile/', '/accounts/profile/edit/', '/accounts/orders/', '/dashboard/']) {
    const answer = await who.get(path);
    assert.ok(!answer.body.includes(CUSTOMER.email) && !answer.body.includes('logout_link'), `${what}, then ${path}: ${answer.status}`);
  }
  assert.ok(!who.cookies.has('sessionid'), what);
}

test('a stolen password opens nothing, in whatever spelling', async () => {
  const bare = new Thief(stand.ready.shop, stand.ready.ca);
  const answer = await signIn(bare, '/accounts/login/');
  assert.equal(`${answer.status} ${answer.location}`, `303 ${CHALLENGE}`, 'the password was right');
  await seesNothing(bare, 'the form');
  for (const path of ['//accounts/login/', '/%61ccounts/login/', '/accounts/login', '/ACCOUNTS/login/', '/accounts/login/;v=1', '/./accounts/login/', '/en-gb/accounts/login/', '/accounts/login/?next=/accounts/profile/']) {
    const who = thief();
    await signIn(who, path);
    await seesNothing(who, path);
  }
});

test('nor in a session that was there before, with a basket in it', async () => {
  const who = thief();
  await who.get('/');
  const page = await who.get('/accounts/login/');
  await who.post('/i18n/setlang/', { csrfmiddlewaretoken: token(page), language: 'en-gb', next: '/' }, { referer: `${who.shop.origin}/` });
  const answer = await signIn(who, '/accounts/login/');
  assert.equal(`${answer.status} ${answer.location}`, `303 ${CHALLENGE}`);
  await seesNothing(who, 'a session from before');
  const problem = await who.get('/accounts/profile/', { accept: 'application/json' });
  assert.deepEqual([problem.status, JSON.parse(problem.body).code], [403, 'identity.second_factor']);
});

test('nor with a cookie that the browser brings along', async () => {
  const page = await fetch(`${shop.url}/accounts/login/`, { headers: { 'x-forwarded-proto': 'https' } });
  const csrf = /csrftoken=([^;]+)/.exec(page.headers.getSetCookie().join('; '))[1];
  const fields = { csrfmiddlewaretoken: token({ body: await page.text() }), 'login-username': CUSTOMER.email, 'login-password': CUSTOMER.password, login_submit: '1' };
  const headers = { 'x-forwarded-proto': 'https', cookie: `csrftoken=${csrf}`, referer: `${shop.url.replace('http:', 'https:')}/accounts/login/`, 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(`${shop.url}/accounts/login/`, { method: 'POST', redirect: 'manual', headers, body: new URLSearchParams(fields) });
  const session = /sessionid=([^;]+)/.exec(answer.headers.getSetCookie().join('; '))[1];
  const known = await fetch(`${shop.url}/accounts/profile/`, { headers: { 'x-forwarded-proto': 'https', cookie: `sessionid=${session}` } });
  assert.ok((await known.text()).includes(CUSTOMER.email), 'at the shop itself it is good');
  for (const name of ['sessionid', '%73essionid', 'session%69d', ' sessionid', '"sessionid"']) {
    const who = thief();
    who.cookies.set(name, session);
    const seen = await who.get('/accounts/profile/');
    assert.ok(!seen.body.includes(CUSTOMER.email), name);
  }
});

test('a registration signs in at once, and waits for the code to its address', async () => {
  const who = thief();
  const page = await who.get('/accounts/login/');
  const fields = {
    csrfmiddlewaretoken: token(page), 'registration-email': 'new@people.example', 'registration-password1': 'four tin lids clatter',
    'registration-password2': 'four tin lids clatter', 'registration-redirect_url': '', registration_submit: 'Register',
  };
  const answer = await who.post('/accounts/login/', fields, { referer: `${who.shop.origin}/accounts/login/` });
  assert.equal(`${answer.status} ${answer.location}`, `303 ${CHALLENGE}`);
  await postbox.to('new@people.example', 1);
  assert.ok(!(await who.get('/accounts/profile/')).body.includes('new@people.example'));
});

test('the customer comes in with one step more, and with none on a trusted device', async () => {
  const { page, context, faults } = await browser.visitor();
  const at = (path) => new URL(path, stand.ready.shop).href;
  const codes = () => postbox.mails.filter((mail) => mail.to.includes(CUSTOMER.email) && /^\s*\d{8}\s*$/m.test(mail.text)).length;
  const before = codes();
  const fill = async () => {
    await page.goto(at('/accounts/login/'));
    await page.locator('#id_login-username').fill(CUSTOMER.email);
    await page.locator('#id_login-password').fill(CUSTOMER.password);
    await page.getByRole('button', { name: 'Log In' }).click();
  };
  await fill();
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  await picture(page, `oscar-challenge-${database}`);
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(CUSTOMER.email, before + 1));
  await page.getByLabel(/Do not ask again/).check();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('#logout_link').waitFor({ state: 'attached' });
  await page.goto(at('/accounts/profile/'));
  await page.getByText(CUSTOMER.email).first().waitFor();
  assert.ok(!(await context.cookies()).some((cookie) => cookie.name === 'sessionid'));
  await page.goto(at('/accounts/logout/'));
  await fill();
  await page.locator('#logout_link').waitFor({ state: 'attached' });
  assert.equal(codes(), before + 1, 'no further code');
  assert.deepEqual(faults.filter((fault) => !fault.includes('ajax.googleapis.com') && !fault.includes('favicon')), []);
  await context.close();
});

test('the dashboard takes an app of its staff, and a mailed code is not enough', async () => {
  const { page, context } = await browser.visitor();
  await page.goto(new URL('/accounts/login/', stand.ready.shop).href);
  await page.locator('#id_login-username').fill(STAFF.email);
  await page.locator('#id_login-password').fill(STAFF.password);
  await page.getByRole('button', { name: 'Log In' }).click();
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(STAFF.email, 1));
  await page.getByRole('button', { name: 'Go on' }).click();
  const app = await addApp(page);
  await page.goto(new URL('/dashboard/', stand.ready.shop).href);
  await showApp(page, app);
  await page.getByRole('heading', { name: 'Dashboard' }).first().waitFor();
  await context.close();
});

test('another address goes to the shop once its mail was read, and the account stays one', async () => {
  const { page, context } = await browser.visitor();
  const at = (path) => new URL(path, stand.ready.shop).href;
  const address = 'ida.at.home@people.example';
  const codes = (to) => postbox.mails.filter((mail) => mail.to.includes(to) && /^\s*\d{8}\s*$/m.test(mail.text)).length;
  const before = codes(CUSTOMER.email);
  await page.goto(at('/accounts/login/'));
  await page.locator('#id_login-username').fill(CUSTOMER.email);
  await page.locator('#id_login-password').fill(CUSTOMER.password);
  await page.getByRole('button', { name: 'Log In' }).click();
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(CUSTOMER.email, before + 1));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('#logout_link').waitFor({ state: 'attached' });
  const save = async () => {
    await page.goto(at('/accounts/profile/edit/'));
    await page.locator('#id_email').fill(address);
    await page.getByRole('button', { name: 'Save' }).click();
  };
  await save();
  await page.getByRole('heading', { name: 'Confirm your address' }).waitFor();
  await picture(page, `oscar-new-address-${database}`);
  assert.ok(!page.url().includes('@') && !page.url().includes('%40'), page.url());
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(address, 1));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Your new address is confirmed' }).waitFor();
  await picture(page, `oscar-address-confirmed-${database}`);
  await page.getByRole('link', { name: /form/ }).click();
  assert.ok(page.url().endsWith('/accounts/profile/edit/'), page.url());
  assert.equal(await page.locator('#id_email').inputValue(), CUSTOMER.email, 'nothing was changed yet');
  await save();
  await page.getByText(address).first().waitFor();
  await page.locator('#logout_link').waitFor({ state: 'attached' });
  // The earlier one is told, and the stolen password is asked for a code to the new one.
  await postbox.to(address, 1);
  const who = thief();
  const answer = await signIn(who, '/accounts/login/', { email: address, password: CUSTOMER.password });
  assert.equal(`${answer.status} ${answer.location}`, `303 ${CHALLENGE}`);
  await seesNothing(who, 'the new address');
  await context.close();
});

test('the test account is seen to sign in and out', async () => {
  assert.deepEqual(await canary.told(stand), []);
});
