// Signing in to a shop by OpenID Connect: npm's openid-client on the shop's side, Chromium on the customer's, over TLS with the
// development CA.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import * as oidc from 'openid-client';

import { violations } from './lib/accessible.mjs';
import { DESKTOP, open, PHONE, picture } from './lib/chromium.mjs';
import { Console } from './lib/pages.mjs';
import { database } from './lib/paths.mjs';
import { provider, signIn, signUp } from './lib/provider.mjs';
import { enrol } from './lib/staff.mjs';

const ADDRESS = 'ida@people.example';
const LOOKS = [
  { screen: 'phone', viewport: PHONE, colorScheme: 'light' },
  { screen: 'phone', viewport: PHONE, colorScheme: 'dark' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'light' },
  { screen: 'desktop', viewport: DESKTOP, colorScheme: 'dark' },
];

let at;
let browser;

before(async () => {
  at = await provider();
  browser = await open(at.stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await at?.stop();
});

/** What openid-client found out about the provider by itself. */
async function discover(client, authentication) {
  return oidc.discovery(new URL(at.issuer), client.id, client.secret, authentication, { [oidc.customFetch]: at.fetch });
}

/** A request as openid-client makes it, with all that is checked when it comes back. */
async function request(config, more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: at.relying.callback,
    scope: 'openid profile email',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...more,
  });
  return { url, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce } };
}

test('openid-client: code with PKCE, user info, refresh, introspection, logout by the shop', async () => {
  const client = await at.client(['--preset', 'own', '--backchannel-uri', `${at.relying.home}/logout-news`]);
  const config = await discover(client, oidc.ClientSecretBasic(client.secret));
  assert.equal(config.serverMetadata().issuer, at.issuer);
  assert.ok(config.serverMetadata().supportsPKCE());

  const { page, context, faults } = await browser.visitor();
  await signUp(page, at, ADDRESS);
  await context.clearCookies();
  const { url, checks } = await request(config, { login_hint: ADDRESS });
  await page.goto(url.href);
  assert.equal(await page.getByLabel('E-mail address').inputValue(), ADDRESS);
  await signIn(page, ADDRESS);
  await page.getByRole('heading', { name: 'Back at the shop' }).waitFor();
  const { url: back } = await at.relying.arrival('/callback');

  const tokens = await oidc.authorizationCodeGrant(config, back, checks);
  const claims = tokens.claims();
  assert.match(claims.sub, /^cust_/);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.deepEqual([info.email, info.email_verified, info.name], [ADDRESS, true, 'Ida Example']);

  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  assert.equal(next.claims().sub, claims.sub);
  const known = await oidc.tokenIntrospection(config, next.access_token);
  assert.deepEqual([known.active, known.sub, known.client_id], [true, claims.sub, client.id]);

  // Signed in already: nothing is asked.
  const again = await request(config, { prompt: 'none' });
  await page.goto(again.url.href);
  const second = await oidc.authorizationCodeGrant(config, (await at.relying.arrival('/callback')).url, again.checks);
  assert.equal(second.claims().sub, claims.sub);

  const bye = oidc.buildEndSessionUrl(config, {
    post_logout_redirect_uri: `${at.relying.home}/bye`,
    id_token_hint: tokens.id_token,
    state: 'over',
  });
  await page.goto(bye.href);
  const { url: gone } = await at.relying.arrival('/bye');
  assert.equal(gone.searchParams.get('state'), 'over');
  const news = JSON.parse(Buffer.from((await at.relying.toldOf(1)).split('.')[1], 'base64url'));
  assert.deepEqual([news.sub, news.sid, news.aud], [claims.sub, claims.sid, client.id]);
  assert.equal((await oidc.tokenIntrospection(config, next.access_token)).active, false);
  await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token), { error: 'invalid_grant' });
  assert.deepEqual(faults, []);
  await context.close();
});

test('openid-client: RS256 and no PKCE for a plugin that knows neither, answers by form, client_secret_post', async () => {
  const client = await at.client(['--preset', 'woocommerce', '--answers', 'form_post']);
  assert.match(client.text, /! PKCE is waived/);
  const config = await discover(client, oidc.ClientSecretPost(client.secret));
  const { page, context, faults } = await browser.visitor();
  const state = oidc.randomState();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: at.relying.callback,
    scope: 'openid email',
    state,
    response_mode: 'form_post',
  });
  await page.goto(url.href);
  await signIn(page, ADDRESS);
  await page.getByRole('heading', { name: 'Back at the shop' }).waitFor();
  const came = await at.relying.arrival('/callback');
  assert.equal(came.method, 'POST');
  const back = new URL(at.relying.callback);
  back.search = came.body;
  const tokens = await oidc.authorizationCodeGrant(config, back, { expectedState: state });
  assert.equal(JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url')).alg, 'RS256');
  assert.equal(tokens.claims().email, ADDRESS);
  assert.deepEqual(faults, []);
  await context.close();
});

test('a program in the browser: consent, for what it asks, with and without script', async () => {
  const client = await at.client(['--preset', 'browser']);
  assert.equal(client.secret, undefined);
  const config = await discover(client, oidc.None());
  for (const javaScriptEnabled of [true, false]) {
    const { page, context, faults } = await browser.visitor({ javaScriptEnabled });
    const { url, checks } = await request(config, { prompt: 'consent' });
    await page.goto(url.href);
    await signIn(page, ADDRESS);
    await page.getByRole('heading', { name: 'Larkmoor wants to know who you are' }).waitFor();
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.getByRole('heading', { name: 'Back at the shop' }).waitFor();
    const { url: back } = await at.relying.arrival('/callback');
    const tokens = await oidc.authorizationCodeGrant(config, back, checks);
    assert.match(tokens.claims().sub, /^cust_/);
    await oidc.tokenRevocation(config, tokens.refresh_token);
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
    assert.deepEqual(faults, []);
    await context.close();
  }
});

test('the customer sees which apps have access, and takes it away', async (t) => {
  const client = await at.client(['--preset', 'own']);
  const config = await discover(client, oidc.ClientSecretBasic(client.secret));
  const { page, context, faults } = await browser.visitor({ timezoneId: 'Europe/Berlin' });
  const { url, checks } = await request(config, { scope: 'openid email offline_access', prompt: 'consent' });
  await page.goto(url.href);
  await signIn(page, ADDRESS);
  const allow = page.getByRole('button', { name: 'Allow', exact: true });
  await Promise.race([allow.waitFor(), page.getByRole('heading', { name: 'Back at the shop' }).waitFor()]);
  if ((await allow.count()) === 1) await allow.click();
  await page.getByRole('heading', { name: 'Back at the shop' }).waitFor();
  const { url: back } = await at.relying.arrival('/callback');
  const tokens = await oidc.authorizationCodeGrant(config, back, checks);
  await page.goto(new URL('.storeward/account', at.stand.ready.shop).href);
  await page.getByRole('link', { name: 'Apps', exact: true }).click();
  await page.getByRole('heading', { name: 'Apps with access' }).waitFor();
  await page.getByText('your e-mail address').first().waitFor();
  // Moments are in the reader's own time.
  const since = page.locator('time[data-local=minute]').first();
  const shown = new Intl.DateTimeFormat('en-US', { dateStyle: 'long', timeStyle: 'short', timeZone: 'Europe/Berlin' });
  assert.equal(await since.innerText(), shown.format(new Date(await since.getAttribute('datetime'))));
  const cookies = await context.cookies();
  const apps = page.url();
  for (const { screen, ...look } of LOOKS) {
    await t.test(`apps, ${screen}, ${look.colorScheme}`, () => seenAs(look, cookies, apps, 200, `oidc-apps-${screen}-${look.colorScheme}-${database}`));
  }
  // Other tests of this file left clients of theirs.
  while ((await page.getByRole('button', { name: /^Take access away/ }).count()) > 0) {
    await page.getByRole('button', { name: /^Take access away/ }).first().click();
    await page.getByText('Its access is taken away.').waitFor();
  }
  await page.getByText('No shop or app has access').waitFor();
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  assert.deepEqual(faults, []);
  await context.close();
});

test('the pages can be used by everybody, on phone and desktop, by day and by night', async (t) => {
  const client = await at.client(['--preset', 'browser', '--scope', 'profile', '--scope', 'email', '--scope', 'offline_access']);
  const config = await discover(client, oidc.None());
  const { url } = await request(config, { prompt: 'consent', scope: 'openid profile email offline_access' });
  const { page, context } = await browser.visitor();
  await page.goto(new URL('.storeward/sign-in', at.stand.ready.shop).href);
  await signIn(page, ADDRESS);
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  const cookies = await context.cookies();
  await context.close();
  const pages = [
    ['consent', url.href, cookies, 200],
    ['logout', new URL('.storeward/oidc/logout', at.stand.ready.shop).href, cookies, 200],
    ['signed-out', new URL('.storeward/oidc/logout', at.stand.ready.shop).href, [], 200],
    ['refused', new URL('.storeward/oidc/authorize?client_id=x', at.stand.ready.shop).href, [], 400],
  ];
  for (const [name, address, kept, status] of pages) {
    for (const { screen, ...look } of LOOKS) {
      await t.test(`${name}, ${screen}, ${look.colorScheme}`, () => seenAs(look, kept, address, status, `oidc-${name}-${screen}-${look.colorScheme}-${database}`));
    }
  }
});

async function seenAs(look, cookies, address, status, name) {
  const { page, context, faults } = await browser.visitor(look);
  await context.addCookies(cookies);
  const answer = await page.goto(address);
  assert.equal(answer.status(), status);
  await picture(page, name);
  const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const found = await violations(page);
  await context.close();
  assert.deepEqual(found, []);
  assert.deepEqual(status === 200 ? faults : [], []);
  assert.ok(width <= 0, `the page is ${width} px wider than the screen`);
}

test('staff add a client from ready-made settings, see its secret once, and take it away', async (t) => {
  const { page, context, faults } = await browser.visitor();
  await enrol(page, at.stand.ready);
  const apps = new URL('/apps', at.stand.ready.console).href;
  await page.goto(apps);
  await page.getByRole('link', { name: 'WordPress and WooCommerce' }).click();
  await page.getByRole('heading', { name: 'Add: WordPress and WooCommerce' }).waitFor();
  assert.ok(await page.getByText('PKCE is waived with these settings').isVisible());
  await page.getByLabel('Name, as customers and staff read it').fill('The bookshop');
  await page.getByLabel("The shop's address").fill('https://books.example');
  await page.getByRole('button', { name: 'Add it' }).click();
  const secret = await page.locator('.secret').innerText();
  assert.match(secret, /^sws_[0-9a-f]{64}$/);
  assert.ok(await page.getByText('https://books.example/wp-admin/admin-ajax.php?action=openid-connect-authorize').isVisible());
  await page.goto(apps);
  await page.getByRole('link', { name: 'The bookshop' }).click();
  assert.equal(await page.locator('.secret').count(), 0);
  assert.ok(!(await page.content()).includes(secret));
  const cookies = await context.cookies();
  const one = page.url();
  const fresh = new URL('/apps/new/woocommerce', at.stand.ready.console).href;
  for (const [name, address] of [['apps', apps], ['app', one], ['app-new', fresh]]) {
    for (const { screen, ...look } of LOOKS) {
      await t.test(`${name}, ${screen}, ${look.colorScheme}`, () => seenAs(look, cookies, address, 200, `console-${name}-${screen}-${look.colorScheme}-${database}`));
    }
  }
  await page.getByRole('button', { name: 'Make a new one' }).click();
  assert.notEqual(await page.locator('.secret').innerText(), secret);
  await page.getByRole('button', { name: 'Remove The bookshop' }).click();
  await page.getByRole('heading', { name: 'Apps', exact: true }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'The bookshop' }).count(), 0);
  assert.ok(await new Console(page, at.stand.ready.console).isSignedIn());
  assert.deepEqual(faults, []);
  await context.close();
});
