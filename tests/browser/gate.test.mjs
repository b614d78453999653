// The gate before the sample shop's admin: held, through the console's sign-in and back, by code and by passkey, out again.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { get } from './lib/attack.mjs';
import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { device } from './lib/device.mjs';
import { Gate } from './lib/gate.mjs';
import { database, storewardBinary } from './lib/paths.mjs';
import { Postbox } from './lib/postbox.mjs';
import { output } from './lib/processes.mjs';
import { example, misuses } from './lib/examples.mjs';
import { enrol, PERSON } from './lib/staff.mjs';
import { runInFrontOf, sampleShop } from './lib/stand.mjs';
import { tool } from './lib/tool.mjs';

const GATES = `
[[gate]]
name = "back-office"
paths = ["/admin"]
email = true
plain_headers = true
[[gate]]
name = "money"
paths = ["/account/orders"]
factor = "passkey"
`;

let shop;
let stand;
let own;
let behind;
let browser;
let authenticator;

before(async () => {
  shop = await sampleShop();
  stand = await runInFrontOf(shop.ready.upstream, GATES);
  own = await tool();
  behind = await runInFrontOf(own.url, GATES);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await shop?.stop();
  await behind?.stop();
  await own?.stop();
});

const at = (path) => new URL(path, stand.ready.shop).href;

test('a stranger is held, and a program is told where to sign in', async () => {
  for (const path of ['/admin', '/ADMIN/orders', '/admin%2Forders', '/;x/admin', '/admin.json']) {
    const page = await get(at(path), stand.ready.ca, { accept: 'text/html' });
    assert.equal(page.status, 303, path);
    assert.match(page.headers.location, /^\/\.storeward\/gate\/start\?r=[\w-]+$/, path);
    const program = await get(at(path), stand.ready.ca, { accept: 'application/json' });
    assert.equal(program.status, 401, path);
    assert.equal(program.headers['content-type'], 'application/problem+json');
    const told = JSON.parse(program.body);
    assert.equal(told.code, 'gate.sign_in');
    assert.match(told.sign_in, /^\/\.storeward\/gate\/start\?r=/);
  }
  assert.equal((await get(at('/'), stand.ready.ca, { accept: 'text/html' })).status, 200);
});

test('staff sign in at the console and come back to where they were held; signing out holds them again', async () => {
  const first = await browser.visitor();
  authenticator = await enrol(first.page, stand.ready);
  await first.context.close();

  const { page, context, faults } = await browser.visitor();
  const gate = new Gate(page, stand.ready);
  await page.goto(at('/admin/orders?from=test'));
  assert.equal(new URL(page.url()).origin, new URL(stand.ready.console).origin);
  await gate.signIn(PERSON, await authenticator.next());
  await picture(page, `gate-pass-${database}`);
  await gate.goOn();
  // The shop's own sign-in stands behind the gate: it was reached.
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin && !url.pathname.startsWith('/.storeward'));
  const cookies = await context.cookies(stand.ready.shop);
  const session = cookies.find((cookie) => cookie.name === '__Host-storeward-gate');
  assert.ok(session?.httpOnly && session.secure && session.sameSite === 'Lax', JSON.stringify(session));

  await gate.open();
  await page.getByText(PERSON.name).waitFor();
  await picture(page, `gate-page-${database}`);
  await gate.signOut();
  // The old token is nobody's, also when it is kept.
  const kept = await get(at('/admin'), stand.ready.ca, { accept: 'application/json', cookie: `${session.name}=${session.value}` });
  assert.equal(kept.status, 401);
  await page.goto(at('/admin'));
  await gate.asks.waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('a gate that takes passkeys only asks for one', async () => {
  const { page, context } = await browser.visitor();
  await device(page);
  const gate = new Gate(page, stand.ready);
  await page.goto(at('/account/orders'));
  await gate.signIn(PERSON, await authenticator.next());
  await gate.goOn();
  await page.getByText('takes passkeys only').waitFor();
  await picture(page, `gate-passkey-${database}`);
  await page.goto(new URL('/you/passkey', stand.ready.console).href);
  await page.getByRole('button', { name: 'Add the passkey' }).click();
  await page.getByText('The passkey is added.').waitFor();
  await page.goto(at('/account/orders'));
  await gate.goOn();
  await page.getByRole('link', { name: 'Confirm with your passkey' }).click();
  await page.getByRole('button', { name: 'Use your passkey' }).click();
  await gate.goOn();
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin && !url.pathname.startsWith('/.storeward'));
  await context.close();
});

test('another member of staff signs somebody out, and the next request is held', async () => {
  const data = path.join(stand.dir, 'data');
  const say = (...words) => output(storewardBinary, ['staff', ...words, '--dir', data], { cwd: stand.dir, log: path.join(stand.dir, 'words.log') });
  const ada = await browser.visitor();
  const gate = new Gate(ada.page, stand.ready);
  await ada.page.goto(at('/admin'));
  await gate.signIn(PERSON, await authenticator.next());
  await gate.goOn();
  await ada.page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin && !url.pathname.startsWith('/.storeward'));

  const grace = await browser.visitor();
  const link = /https:\/\/\S+\/enrol\/\S+/.exec(await say('invite'))[0];
  const other = { name: 'Grace Warden', email: 'grace@shop.example', password: 'quiet lanterns over water 7' };
  await enrol(grace.page, { ...stand.ready, enrolment: link }, other);
  await say('groups', other.email, 'admin');
  await grace.page.goto(new URL('/staff', stand.ready.console).href);
  await picture(grace.page, `console-staff-${database}`);
  for (const colorScheme of ['light', 'dark']) {
    await grace.page.emulateMedia({ colorScheme });
    await grace.page.setViewportSize(PHONE);
    assert.equal(await grace.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
    await picture(grace.page, `console-staff-phone-${colorScheme}-${database}`);
    assert.deepEqual(await violations(grace.page), []);
  }
  await grace.page.setViewportSize(DESKTOP);
  await grace.page.getByRole('button', { name: `Sign out everywhere: ${PERSON.name}` }).click();
  await grace.page.getByText('They are signed out everywhere').waitFor();
  await ada.page.goto(at('/admin'));
  await ada.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(new URL(ada.page.url()).origin, new URL(stand.ready.console).origin);
  assert.deepEqual(grace.faults, []);
  await ada.context.close();
  await grace.context.close();
});

/** Sends one request to the tool; gives its status, its headers and what it says. */
function ask(target, headers = {}, more = {}) {
  return new Promise((resolve, reject) => {
    const options = { ca: more.ca, headers, agent: false, method: more.method ?? 'GET' };
    const request = https.request(new URL(target, behind.ready.shop), options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, headers: response.headers, body: '' });
    });
    request.setTimeout(15_000, () => request.destroy(new Error('no answer within 15 s')));
    request.on('error', reject);
    request.end();
  });
}

/** The same by HTTP/2. */
function askByHttp2(target, headers, ca) {
  return new Promise((resolve, reject) => {
    const session = http2.connect(behind.ready.shop, { ca });
    session.on('error', reject);
    const stream = session.request({ ':path': target, ...headers });
    let status;
    let body = '';
    stream.setEncoding('utf8');
    stream.on('response', (head) => (status = head[':status']));
    stream.on('data', (text) => (body += text));
    stream.on('end', () => {
      session.close();
      resolve({ status, body });
    });
    stream.on('error', reject);
  });
}

const FORGED = {
  'storeward-assertion': 'forged',
  storeward_assertion: 'forged',
  'storeward.assertion': 'forged',
  'storeward-user': 'forged',
  storeward_user: 'forged',
  'storeward.email': 'forged',
  'storeward-groups': 'forged',
  'x-storeward-user': 'forged',
  'remote-user': 'forged',
};

test('a tool is told who it is, and nobody else can say so: HTTP/1.1, HTTP/2, WebSocket', async () => {
  const ca = await readFile(behind.ready.ca);
  const other = await open(behind.ready.ca);
  const { page, context } = await other.visitor();
  const gate = new Gate(page, behind.ready);
  const code = await enrol(page, behind.ready);
  await page.goto(new URL('/admin/parts', behind.ready.shop).href);
  await gate.goOn();
  await page.getByText('"method":"GET"').waitFor();
  const { value } = (await context.cookies(behind.ready.shop)).find((cookie) => cookie.name === '__Host-storeward-gate');
  const cookie = `__Host-storeward-gate=${value}; shop=kept`;
  const json = { accept: 'application/json' };

  // Open paths: nothing of it arrives.
  for (const say of [(target, headers) => ask(target, headers, { ca }), (target, headers) => askByHttp2(target, headers, ca)]) {
    const open = JSON.parse((await say('/open', { ...json, ...FORGED, cookie })).body);
    assert.doesNotMatch(JSON.stringify(open.raw), /forged|storeward/i);
    assert.equal(open.headers.cookie, 'shop=kept');
    assert.equal((await say('/admin', { ...json, ...FORGED })).status, 401);
    const passed = JSON.parse((await say('/admin/parts?a=b', { ...json, ...FORGED, cookie })).body);
    assert.doesNotMatch(JSON.stringify(passed.raw), /forged/);
    const lines = passed.raw.filter((_, index) => index % 2 === 0 && /^storeward/i.test(passed.raw[index]));
    assert.deepEqual(lines.sort(), ['storeward-assertion', 'storeward-email', 'storeward-user']);
    assert.equal(passed.headers['storeward-email'], PERSON.email);
    assert.equal(passed.headers.cookie, 'shop=kept');
  }

  const opening = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  assert.equal((await ask('/admin/live', { ...opening, ...FORGED }, { ca })).status, 401);
  assert.equal((await ask('/admin/live', { ...opening, cookie, origin: 'https://evil.example' }, { ca })).status, 403);
  const switched = await ask('/admin/live', { ...opening, ...FORGED, cookie, origin: new URL(behind.ready.shop).origin }, { ca });
  assert.equal(switched.status, 101);
  assert.match(own.seen.at(-1).headers['storeward-assertion'], /^ey/);

  // As a shop checks it: the example of the docs.
  const jwks = JSON.parse((await ask('/.storeward/gate/jwks.json', json, { ca })).body);
  const passed = JSON.parse((await ask('/admin/parts?a=b', { ...json, cookie }, { ca })).body);
  const shopAt = new URL(behind.ready.shop).origin;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-example-'));
  await writeFile(path.join(folder, 'example.mjs'), await example('js'));
  const { storewardClaims } = await import(path.join(folder, 'example.mjs'));
  const cases = misuses({
    token: passed.headers['storeward-assertion'],
    jwks,
    issuer: `${shopAt}/.storeward/gate`,
    audience: 'back-office',
    method: 'GET',
    url: `${shopAt}/admin/parts`,
  });
  for (const [name, { token, jwks: keys, issuer, audience, method, url }] of Object.entries(cases)) {
    const claims = storewardClaims(token, keys, issuer, audience, method, url);
    if (name === 'good') assert.equal(claims?.email, PERSON.email);
    else assert.equal(claims, null, name);
  }
  await rm(folder, { recursive: true, force: true });
  assert.ok(code);
  await context.close();
  await other.close();
});

test('a back office with a sign-in of its own opens through the gate, for its staff and for nobody else', async () => {
  const post = await Postbox.open();
  const guarded = await runInFrontOf(own.url, `[identity]\n[shield]\nadapter = "magento"\n${GATES}${post.config()}`);
  const other = await open(guarded.ready.ca);
  try {
    const ca = guarded.ready.ca;
    const office = (place) => new URL(place, guarded.ready.shop).href;
    for (const claims of [{}, FORGED]) {
      for (const place of ['/admin', '/admin/dashboard/', '/index.php/admin/x', '/Admin/x', '/admin;x/']) {
        const told = await get(office(place), ca, { accept: 'application/json', ...claims });
        assert.ok([401, 403].includes(told.status), `${place} ${told.status}`);
        assert.doesNotMatch(told.body, /"method":"GET"/);
      }
    }
    const { page, context } = await other.visitor();
    await enrol(page, guarded.ready);
    await page.goto(office('/admin/dashboard/'));
    await new Gate(page, guarded.ready).goOn();
    await page.getByText('"method":"GET"').waitFor();
    assert.equal(new URL(page.url()).pathname, '/admin/dashboard/');
    await context.close();
  } finally {
    await other.close();
    await guarded.stop();
    await post.close();
  }
});

test('the gate\'s pages in light and dark, on a telephone and on a desk', async () => {
  const { page, context } = await browser.visitor();
  const gate = new Gate(page, stand.ready);
  const sent = await new Promise((resolve, reject) => {
    const options = { method: 'POST', agent: false, rejectUnauthorized: false, headers: { accept: 'text/html', 'content-length': 0 } };
    const request = https.request(at('/admin/orders'), options, (response) => resolve(response.headers.location));
    request.on('error', reject);
    request.end();
  });
  assert.match(sent, /^\/\.storeward\/gate\/held\?why=sign-in&r=/);
  const looks = async (name) => {
    for (const [size, viewport] of Object.entries({ phone: PHONE, desk: DESKTOP })) {
      for (const colorScheme of ['light', 'dark']) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false, `${name} ${size}`);
        await picture(page, `gate-${name}-${size}-${colorScheme}-${database}`);
        assert.deepEqual(await violations(page), [], `${name} ${size} ${colorScheme}`);
      }
    }
  };
  for (const [name, place] of [
    ['nobody', '/.storeward/gate'],
    ['sent', sent],
    ['factor', sent.replace('sign-in', 'factor')],
    ['fresh', sent.replace('sign-in', 'fresh')],
    ['group', sent.replace('sign-in', 'group')],
    ['failure', '/.storeward/gate/take?code=0'],
  ]) {
    await page.goto(at(place));
    await looks(name);
  }
  await page.goto(at('/admin/orders'));
  await gate.signIn(PERSON, await authenticator.next());
  await looks('pass');
  await gate.goOn();
  await page.waitForURL((url) => url.origin === new URL(stand.ready.shop).origin && !url.pathname.startsWith('/.storeward'));
  await gate.open();
  await looks('somebody');
  await context.close();
});

test('two tabs on their way to the console both arrive, and changed gates hold after a reload', async () => {
  const { page, context } = await browser.visitor();
  await page.goto(at('/admin?tab=0'));
  const gate = new Gate(page, stand.ready);
  await gate.signIn(PERSON, await authenticator.next());
  const tab = await context.newPage();
  await tab.goto(at('/admin?tab=1'));
  const second = new Gate(tab, stand.ready);
  await second.asks.waitFor();
  await gate.goOn();
  await page.waitForURL((url) => url.search === '?tab=0' || url.pathname === '/account/sign-in');
  await second.goOn();
  await tab.waitForURL((url) => url.search === '?tab=1' || url.pathname === '/account/sign-in');
  const config = path.join(stand.dir, 'data', 'storeward.toml');
  const before = await readFile(config, 'utf8');
  await writeFile(config, before.replace('paths = ["/admin"]', 'paths = ["/cart"]'));
  assert.match(await stand.say(['reload']), /in force/);
  const stranger = { accept: 'application/json' };
  assert.equal((await get(at('/cart'), stand.ready.ca, stranger)).status, 401);
  assert.notEqual((await get(at('/admin'), stand.ready.ca, stranger)).status, 401);
  await writeFile(config, before);
  await stand.say(['reload']);
  assert.equal((await get(at('/admin'), stand.ready.ca, stranger)).status, 401);
  await context.close();
});
