// Unmodified WordPress from Debian behind the shield: a stolen password reaches the account by no door, its owner by one step
// more, and by none on a device that is trusted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, picture } from '../browser/lib/chromium.mjs';
import { database } from '../browser/lib/paths.mjs';
import { Postbox } from '../browser/lib/postbox.mjs';
import { sleep } from '../browser/lib/processes.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { addApp, showApp } from './lib/back-office.mjs';
import { Canary } from './lib/canary.mjs';
import { formsOfPhp, ofTheBackOffice, tried } from './lib/side-doors.mjs';
import { Thief } from './lib/thief.mjs';
import { CUSTOMER, OTHER, OWNER, WordPress } from './lib/wordpress.mjs';

const CHALLENGE = '/.storeward/challenge';
// WordPress sends whole addresses of its own along, which is an attack where they name the machine itself.
const LOCALHOST = [19110, 19111].map((rule) => `[[inspect.exceptions]]\nrule = ${rule}\nparameter = "redirect_to"\n`).join('');
const LANE = '127.0.0.60';

let shop;
let postbox;
let canary;
let stand;
let browser;

before(async () => {
  shop = await WordPress.start();
  postbox = await Postbox.open();
  canary = await Canary.of('kim');
  const more = `${postbox.config()}[identity]\ncustomers = "required"\n[shield]\nstaff_first_factor = "mail"\nadapter = "auto"\nlanes = ["${LANE}"]\n${canary.config}${LOCALHOST}`;
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
const login = (user = CUSTOMER.login) => ({ log: user, pwd: CUSTOMER.password, rememberme: 'forever', 'wp-submit': 'Log In', redirect_to: '/my-account/', testcookie: '1' });
const basic = (password) => `Basic ${Buffer.from(`${CUSTOMER.login}:${password}`).toString('base64')}`;
const call = (name, user, password) =>
  `<?xml version="1.0"?><methodCall><methodName>${name}</methodName><params><param><value><string>${user}</string></value></param>` +
  `<param><value><string>${password}</string></value></param></params></methodCall>`;

/** Nothing of the account is shown, by whatever page, and no cookie of the shop's session is in the thief's hands. */
async function seesNothing(who, what) {
  for (const path of ['/my-account/', '/my-account/edit-account/', '/wp-admin/profile.php', '/wp-admin/', '/wp-json/wp/v2/users/me', '/?rest_route=/wp/v2/users/me']) {
    told(await who.get(path), `${what}, then ${path}`);
  }
  const names = [...who.cookies.keys()].filter((name) => name.startsWith('wordpress_') && name !== 'wordpress_test_cookie');
  assert.deepEqual(names, [], what);
}

function told(answer, what) {
  for (const secret of [CUSTOMER.shown, CUSTOMER.email]) assert.ok(!answer.body.includes(secret), `${what}: ${answer.status}`);
}

test('on the bare shop the password opens everything, by each of these doors', async () => {
  const proxied = { 'x-forwarded-proto': 'https' };
  const form = { ...proxied, 'content-type': 'application/x-www-form-urlencoded', cookie: 'wordpress_test_cookie=WP%20Cookie%20check' };
  for (const path of ['/wp-login.php', '//wp-login.php', '/wp-login.php/x', '/%77p-login.php']) {
    const answer = await fetch(shop.url + path, { method: 'POST', redirect: 'manual', headers: form, body: new URLSearchParams(login()) });
    assert.ok(answer.headers.getSetCookie().some((line) => line.startsWith('wordpress_logged_in_')), path);
  }
  // PHP reads each of these forms.
  for (const [kind, body] of formsOfPhp(login())) {
    const headers = { ...form, 'content-type': kind };
    const answer = await fetch(`${shop.url}/wp-login.php`, { method: 'POST', redirect: 'manual', headers, body });
    assert.ok(answer.headers.getSetCookie().some((line) => line.startsWith('wordpress_logged_in_')), kind);
  }
  const xml = await fetch(`${shop.url}/xmlrpc.php`, { method: 'POST', body: call('wp.getProfile', CUSTOMER.login, CUSTOMER.password).replace('<params>', '<params><param><value><int>1</int></value></param>') });
  assert.ok((await xml.text()).includes(CUSTOMER.email));
  // WordPress takes an application password in any spelling that PHP decodes.
  for (const line of [basic(shop.application), basic(shop.application).replace('Basic ', 'basic '), `${basic(shop.application)}\xff`]) {
    const me = await fetch(`${shop.url}/wp-json/wp/v2/users/me`, { headers: { ...proxied, authorization: line } });
    assert.ok((await me.text()).includes(CUSTOMER.shown), line);
  }
});

test('a stolen password opens nothing at wp-login, in whatever spelling', async () => {
  const paths = ['/wp-login.php', '//wp-login.php', '/wp-login.php/x', '/%77p-login.php', '/WP-LOGIN.PHP', '/wp-login.php;v=1', '/./wp-login.php', '/a/../wp-login.php', '/wp-login.php?action=login&interim-login=1'];
  for (const path of paths) {
    for (const user of [CUSTOMER.login, CUSTOMER.email]) {
      const who = thief();
      await who.get('/wp-login.php');
      const answer = await who.post(path, login(user));
      told(answer, path);
      await seesNothing(who, `${path} as ${user}`);
    }
  }
  // The plain one did get as far as the second step: it was the shield that stopped it.
  const who = thief();
  await who.get('/wp-login.php');
  const answer = await who.post('/wp-login.php', login());
  assert.equal(`${answer.status} ${answer.location}`, `303 ${CHALLENGE}`);
  // Programs are told in their way, and where a person can go on.
  const problem = await who.get('/wp-json/wp/v2/users/me', { accept: 'application/json' });
  assert.equal(problem.status, 403);
  const said = JSON.parse(problem.body);
  assert.equal(said.code, 'identity.second_factor');
  assert.equal(said.challenge, CHALLENGE);
});

test('nor at My Account, the checkout, a reset or a registration', async () => {
  // WooCommerce takes the form on any page.
  for (const path of ['/my-account/', '/my-account', '/checkout/', '/MY-ACCOUNT/', '/my-account/?x=1', '/peat-mug/', '/', '/wp-login.php']) {
    const who = thief();
    await who.get('/my-account/');
    const fields = { username: CUSTOMER.email, password: CUSTOMER.password, rememberme: 'forever', login: 'Log in' };
    told(await who.post(path, fields), path);
    await seesNothing(who, path);
  }
  // A reset that signs in, with a link that the thief has read.
  const asks = thief();
  await asks.post('/wp-login.php?action=lostpassword', { user_login: CUSTOMER.login });
  const link = /login\.php\?action=rp&key=([^&\s]+)&login=(\S+)/.exec((await shop.mails()).at(-1).message);
  const who = thief();
  const answer = await who.post('/my-account/lost-password/', {
    wc_reset_password: 'true', reset_key: link[1], reset_login: CUSTOMER.login, password_1: CUSTOMER.password, password_2: CUSTOMER.password,
  });
  assert.equal(`${answer.status} ${answer.location}`, `303 ${CHALLENGE}`);
  await seesNothing(who, 'reset');
  // Registration signs a new account in at once; its address has to be proved first.
  const fresh = thief();
  const made = await fresh.post('/my-account/', { register: 'Register', email: 'new@people.example', password: 'four tin lids clatter' });
  assert.equal(`${made.status} ${made.location}`, `303 ${CHALLENGE}`);
  assert.ok(!(await fresh.get('/my-account/')).body.includes('Hello'));
});

test('nor by a form that PHP reads and nobody else, nor is a guess by one, or by a name in other letters, counted for nobody', async () => {
  const pages = [
    ['/wp-login.php', login()],
    ['/peat-mug/', { username: CUSTOMER.email, password: CUSTOMER.password, login: 'Log in' }],
    ['/', { username: CUSTOMER.login, password: CUSTOMER.password, login: '1', rest_route: '/wp/v2/users/me' }],
  ];
  for (const [path, fields] of pages) {
    for (const [kind, body] of formsOfPhp(fields)) {
      const who = thief();
      await who.get('/wp-login.php');
      const answer = await who.post(path, body, { 'content-type': kind });
      assert.ok([400, 403].includes(answer.status), `${path} ${kind}: ${answer.status}`);
      await seesNothing(who, `${path} ${kind}`);
    }
  }
  // WordPress takes each of these for one name.
  let heard = 0;
  const letters = ['\u{a3}', '\u{20ac}', '\u{111}', '\u{f0}', '\u{131}', '\u{142}', '\u{df}', '\u{fc}'];
  for (let guess = 0; guess < 24; guess += 1) {
    const name = `petra${letters[guess % letters.length].repeat(1 + Math.floor(guess / letters.length))}`;
    heard += (await thief().post('/wp-login.php', { ...login(name), pwd: 'wrong' })).status === 429 ? 0 : 1;
  }
  assert.equal(heard, 10);
});

test('nor by XML-RPC or an Authorization line, but from the lane of the shop\'s own programs', async () => {
  const calls = [call('wp.getUsersBlogs', CUSTOMER.login, CUSTOMER.password), call('system.multicall', CUSTOMER.login, CUSTOMER.password)];
  for (const path of ['/xmlrpc.php', '//xmlrpc.php', '/xmlrpc.php/x', '/%78mlrpc.php', '/XMLRPC.php', '/xmlrpc.php?rsd']) {
    for (const body of calls) {
      const answer = await thief().post(path, body, { 'content-type': 'text/xml', accept: '*/*' });
      told(answer, path);
      assert.ok([400, 403, 404].includes(answer.status), `${path}: ${answer.status}`);
      assert.ok(!answer.body.includes('methodResponse'), path);
    }
  }
  // The account's own password is none here, but an application password that was stolen with it is.
  for (const password of [CUSTOMER.password, shop.application]) {
    const line = basic(password);
    for (const value of [line, line.replace('Basic', 'bAsIc'), `${line}\xff`, line.replace('Basic ', 'Basic  '), line.replace('Basic ', 'Basic\t'), ['Bearer x', line], [line, 'Bearer x']]) {
      for (const path of ['/wp-json/wp/v2/users/me', '/?rest_route=/wp/v2/users/me', '/index.php?rest_route=/wp/v2/users/me', '/wp-content/../wp-json/wp/v2/users/me']) {
        const answer = await thief().get(path, { authorization: value, accept: 'application/json' });
        told(answer, `${path} with ${JSON.stringify(value)}`);
      }
    }
  }
  const refused = await thief().get('/wp-json/wp/v2/users/me', { authorization: basic(shop.application), accept: 'application/json' });
  assert.equal(`${refused.status} ${JSON.parse(refused.body).code}`, '403 identity.door_closed');
  const program = thief();
  program.address = LANE;
  const passed = await program.get('/wp-json/wp/v2/users/me', { authorization: basic(shop.application), accept: 'application/json' });
  assert.equal(passed.status, 200);
  assert.ok(passed.body.includes(CUSTOMER.shown));
  const large = `${call('wp.getUsersBlogs', CUSTOMER.login, CUSTOMER.password)}<!-- ${'x'.repeat(90_000)} -->`;
  const uploads = await program.post('/xmlrpc.php', large, { 'content-type': 'text/xml', accept: '*/*' });
  assert.equal(uploads.status, 200, 'a program of the shop may send more than a form');
});

test('nor with cookies that the browser brings along', async () => {
  const host = new URL(stand.ready.shop).host;
  const direct = await fetchWithHost(host);
  const pairs = direct.map((line) => line.split(';')[0]).filter((pair) => pair.startsWith('wordpress_') && !pair.startsWith('wordpress_test'));
  assert.ok(pairs.length > 0);
  // Where they count: straight at the shop.
  const bare = await rawGet('/my-account/', host, pairs.join('; '));
  assert.ok(bare.includes(CUSTOMER.shown), 'the cookies are good');
  for (const disguise of [(name) => name, (name) => name.replace('w', '%77'), (name) => name.replaceAll('_', '.'), (name) => name.replaceAll('_', '%5F'), (name) => ` ${name}`, (name) => name.replaceAll('_', '['), (name) => name.replaceAll('_', '%20')]) {
    const who = thief();
    for (const pair of pairs) who.cookies.set(disguise(pair.split('=')[0]), pair.slice(pair.indexOf('=') + 1));
    for (const path of ['/my-account/', '/wp-admin/profile.php', '/wp-json/wp/v2/users/me']) told(await who.get(path), `${path}: ${disguise('wordpress_x')}`);
  }
});

test('who gives up or guesses is signed out at the shop', async () => {
  const before = await shop.sessions(CUSTOMER.login);
  const who = thief();
  await who.get('/wp-login.php');
  await who.post('/wp-login.php', login());
  assert.equal(await shop.sessions(CUSTOMER.login), before + 1);
  for (let tries = 0; tries < 6; tries += 1) {
    const page = await who.get(CHALLENGE);
    if (page.status !== 200) break;
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)[1];
    await who.post(CHALLENGE, { csrf, method: 'mail', secret: '00000000' });
  }
  await seesNothing(who, 'after five guesses');
  assert.equal(await shop.sessions(CUSTOMER.login), before);
});

test('the customer comes in with one step more, and with none on a trusted device', async () => {
  const { page, context, faults } = await browser.visitor();
  const at = (path) => new URL(path, stand.ready.shop).href;
  const codes = () => postbox.mails.filter((mail) => mail.to.includes(OTHER.email) && /^\s*\d{8}\s*$/m.test(mail.text)).length;
  await page.goto(at('/my-account/'));
  // What a shop's script writes, which nothing of ours may stumble over.
  await page.evaluate(() => {
    document.cookie = 'visitor=Zo\u{eb} of Z\u{fc}rich; path=/; max-age=86400';
  });
  await page.locator('[name=username]').fill(OTHER.email);
  await page.locator('[name=password]').fill(OTHER.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  await picture(page, `wordpress-challenge-${database}`);
  await page.getByLabel('Code from the e-mail').fill(await postbox.code(OTHER.email, 1));
  await page.getByLabel(/Do not ask again/).check();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText(`Hello ${OTHER.shown}`).waitFor();
  const held = await context.cookies();
  assert.ok(!held.some((cookie) => /^wordpress_(?!test)/.test(cookie.name)), 'the browser holds none of the shop\'s sessions');
  await page.getByRole('link', { name: 'Log out' }).click();
  await page.locator('#user_login').fill(OTHER.login);
  await page.locator('#user_pass').fill(OTHER.password);
  await page.locator('#wp-submit').click();
  // Where WordPress leads whoever may write nothing: it asked them for what staff are asked.
  await page.waitForURL(/\/wp-admin\/profile\.php$/);
  assert.equal(await page.locator('#email').inputValue(), OTHER.email);
  await page.goto(at('/my-account/'));
  await page.getByText(`Hello ${OTHER.shown}`).waitFor();
  assert.equal(codes(), 1, 'one code in all');
  // Gravatar's pictures are asked of a foreign host, which does not exist here.
  assert.deepEqual(faults.filter((fault) => !fault.includes('gravatar') && !fault.includes('favicon')), []);
  await context.close();
});

test("the owner's stolen password makes no administrator, by page or interface", async () => {
  const before = await shop.owned();
  const who = thief();
  await who.get('/wp-login.php');
  assert.equal((await who.post('/wp-login.php', { ...login(OWNER.login), pwd: OWNER.password })).location, CHALLENGE);
  assert.deepEqual(await tried(who, ofTheBackOffice('')), []);
  assert.deepEqual(await shop.owned(), before);
});

test('staff come into wp-admin with an app that they add, and make passwords for programs only when they just proved it', async () => {
  const { page, context } = await browser.visitor();
  const sent = postbox.mails.filter((mail) => mail.to.includes(OWNER.email)).length;
  await page.goto(new URL('/wp-login.php', stand.ready.shop).href);
  await page.locator('#user_login').fill(OWNER.login);
  await page.locator('#user_pass').fill(OWNER.password);
  await page.locator('#wp-submit').click();
  await page.getByLabel(/Code/).fill(await postbox.code(OWNER.email, sent + 1));
  await page.getByRole('button', { name: 'Go on' }).click();
  const app = await addApp(page);
  await page.goto(new URL('/wp-admin/', stand.ready.shop).href);
  await showApp(page, app);
  await page.locator('#wpadminbar').waitFor();
  await picture(page, `wordpress-admin-${database}`);
  const made = await page.evaluate(async () => {
    const nonce = (await (await fetch('/wp-admin/admin-ajax.php?action=rest-nonce')).text()).trim();
    const headers = { 'x-wp-nonce': nonce, 'content-type': 'application/json', accept: 'application/json' };
    const answer = await fetch('/wp-json/wp/v2/users/me/application-passwords', { method: 'POST', headers, body: '{"name":"till"}' });
    return answer.status;
  });
  assert.equal(made, 201);
  await context.close();
});

test('an update that renames the cookies is noticed by the test account, and doors close', async () => {
  assert.deepEqual(await canary.told(stand), [], 'until now the adapter fits');
  await shop.update('member');
  // Until the canary has seen it, the adapter is blind: that is what it is for.
  await until(async () => (await canary.told(stand)).includes('unseen'));
  const who = thief();
  await who.get('/wp-login.php');
  for (const path of ['/wp-login.php', '/my-account/']) {
    const fields = path === '/my-account/' ? { username: CUSTOMER.email, password: CUSTOMER.password, login: '1' } : login();
    const answer = await who.post(path, fields, { accept: 'application/json' });
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [503, 'identity.adapter_broken']);
    told(await who.get('/my-account/edit-account/'), path);
  }
  assert.equal((await who.get('/wp-admin/', { accept: 'application/json' })).status, 503);
  assert.equal((await who.get('/peat-mug/')).status, 200, 'the shop is open');
  await shop.update(null);
  await until(async () => (await canary.told(stand)).at(-1) === 'mended');
  const next = thief();
  await next.get('/wp-login.php');
  assert.equal((await next.post('/wp-login.php', login())).location, CHALLENGE);
});

async function until(look) {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await look()) return;
    await sleep(250);
  }
  throw new Error('it did not come to pass within 150 s');
}

/** Signs in straight at the shop, for cookies as a browser has them from before the shield. */
async function fetchWithHost(host) {
  const { request } = await import('node:http');
  const body = new URLSearchParams(login()).toString();
  const headers = { host, 'x-forwarded-proto': 'https', 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length, cookie: 'wordpress_test_cookie=WP%20Cookie%20check' };
  return new Promise((resolve, reject) => {
    const asked = request(`${shop.url}/wp-login.php`, { method: 'POST', headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.headers['set-cookie'] ?? []));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function rawGet(path, host, cookie) {
  const { get } = await import('node:http');
  return new Promise((resolve, reject) => {
    const asked = get(shop.url + path, { headers: { host, 'x-forwarded-proto': 'https', cookie } }, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part));
      answer.on('end', () => resolve(text));
    });
    asked.on('error', reject);
  });
}
