// What skimmers meet: a paying page with a card's field and one skimmer in it, and an attacker's hosts that note all that arrives.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import dgram from 'node:dgram';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { chromiumBinary, root } from './paths.mjs';
import { output, sleep } from './processes.mjs';

const PAGE_SCRIPTS = ['fresh-frames.js', 'edges.js', 'skimmers.js'].map((name) => path.join(root, 'tests/browser/pages', name));

/** Nobody's card: a word that is drawn anew, and fits into a host's name. */
export const marker = () => `card${randomBytes(6).toString('hex')}`;

/** The attacker's side: HTTPS and WebSocket for every name, what a TLS hello names, and a port for STUN for each skimmer. */
export async function sink() {
  const home = await mkdtemp(path.join(os.tmpdir(), 'storeward-sink-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(home, name));
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=evil.test',
    '-addext', 'subjectAltName=DNS:evil.test,DNS:*.evil.test', '-keyout', key, '-out', cert,
  ], { stdio: 'ignore' });
  /** Everything that arrived, a line each. */
  const arrived = [];
  const options = {
    key: await readFile(key),
    cert: await readFile(cert),
    SNICallback(name, done) {
      arrived.push(`hello ${name}`);
      done(null);
    },
  };
  const server = https.createServer(options, (request, response) => {
    const line = `${request.method} ${request.headers.host}${request.url}`;
    let body = '';
    request.on('data', (bytes) => (body += bytes));
    request.on('end', () => {
      arrived.push(`${line} ${body}`);
      response.writeHead(200, { 'access-control-allow-origin': '*', 'content-type': 'text/plain' }).end();
    });
  });
  server.on('upgrade', (request, socket) => {
    arrived.push(`upgrade ${request.headers.host}${request.url}`);
    socket.destroy();
  });
  server.on('tlsClientError', () => {});
  const port = await listening(server);
  const ears = [];
  const { publicKey } = new X509Certificate(options.cert);
  return {
    arrived,
    port,
    /** By which a browser takes its certificate for a good one, as an attacker's would be. */
    pin: createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64'),
    /** A port for STUN of one skimmer's own: its messages carry no word, a name server would have had the marker. */
    async ear(card) {
      const ear = dgram.createSocket('udp4');
      ears.push(ear);
      ear.on('message', () => arrived.push(`stun of ${card}`));
      await new Promise((resolve) => ear.bind(0, '127.0.0.1', resolve));
      return ear.address().port;
    },
    async stop() {
      for (const ear of ears) ear.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(home, { recursive: true, force: true });
    },
  };
}

function listening(server) {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

/** A shop of one paying page, with a script of its own that turned bad. It protects itself by nothing. */
export async function payingShop(port) {
  const script = (await Promise.all(PAGE_SCRIPTS.map((name) => readFile(name, 'utf8')))).join('\n');
  /** What its own address was told. */
  const notes = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    let body = '';
    request.on('data', (bytes) => (body += bytes));
    request.on('end', () => {
      const say = (type, text, headers = {}) => response.writeHead(200, { 'content-type': type, ...headers }).end(text);
      if (url.pathname === '/skimmers.js') return say('text/javascript', script);
      if (url.pathname === '/checkout/note') {
        notes.push(body);
        return response.writeHead(204).end();
      }
      if (url.pathname === '/blank') return say('text/html', '<!doctype html><html lang="en"><title>A page like any other</title>');
      if (url.pathname === '/checkout/paid') return response.writeHead(303, { location: '/blank' }).end();
      if (url.pathname !== '/checkout') return response.writeHead(404).end();
      return say('text/html; charset=utf-8', page(url.searchParams, port));
    });
  });
  const own = await listening(server);
  return {
    notes,
    home: `http://localhost:${own}`,
    upstream: `http://127.0.0.1:${own}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// One tag for all skimmers, so that one approval is for all of them: an approved script that turned bad is what is tried.
function page(asked, port) {
  const names = asked.get('run')?.replace(/[^\w:,-]/g, '') ?? '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pay</title></head>
<body><h1>Pay</h1>
<form method="post" action="/checkout/paid"><label>Card number <input id="card" name="card" autocomplete="cc-number"></label>
<button id="pay">Pay</button></form>
<p><a id="terms" href="/blank" target="_blank">Terms</a></p>
<div id="place" style="font-size: 40px"></div>
<script src="/skimmers.js" data-run="${names}" data-https="${port}"></script>
<template id="kept"><script>var cart = {"total": "12.00"};</script></template>
<script>var late = {"total": "${Math.random()}"};</script>
</body></html>`;
}

/**
 * Chromium with a profile of its own, as hints are followed only there, and without what keeps popups back: an attacker waits for a click.
 * It trusts Storeward's development CA, and the attacker's certificate. `hosts: false` takes the browser's own lists of hosts
 * (Connection Allowlists) away, which no other browser has and Chromium only since 152; `keeps: true` lets it keep pages for the way back.
 */
export async function victim(home, { ca, attacker, hosts = true, keeps = false }) {
  const store = `sql:${path.join(home, '.pki/nssdb')}`;
  const log = path.join(home, 'certutil.log');
  await mkdir(path.join(home, '.pki/nssdb'), { recursive: true });
  await output('certutil', ['-d', store, '-N', '--empty-password'], { log });
  await output('certutil', ['-d', store, '-A', '-t', 'C,,', '-n', 'storeward-test', '-i', ca], { log });
  return chromium.launchPersistentContext(path.join(home, 'profile'), {
    executablePath: chromiumBinary,
    ignoreDefaultArgs: ['--disable-background-networking', ...(keeps ? ['--disable-back-forward-cache'] : [])],
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    args: [
      '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-component-update', '--disable-sync', '--disable-gpu',
      `--ignore-certificate-errors-spki-list=${attacker.pin}`, '--allow-loopback-in-peer-connection', '--disable-popup-blocking',
      `--host-resolver-rules=MAP *.evil.test 127.0.0.1 , ${providers(attacker.port)}MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1`,
      // The page whose guard is taken out comes from nowhere in the browser's eyes, and this machine's own addresses would be closed to it.
      ...(hosts ? [] : ['--disable-features=ConnectionAllowlists,LocalNetworkAccessChecks']),
    ],
  });
}

/** Payment providers' hosts are the attacker's machine here: whatever gets there is noted. */
const providers = (port) => ['stripe.com', 'paypal.com'].map((name) => `MAP *.${name} 127.0.0.1:${port} , `).join('');

/** The page as Storeward sends it, but for the guard's tag: what its policy does alone. Its nonce is the attacker's here. */
export async function withoutGuard(context, ca) {
  const trusted = await readFile(ca);
  const answer = (url) => new Promise((resolve, reject) => {
    https.get(url, { ca: trusted, headers: { accept: 'text/html', 'sec-fetch-dest': 'document' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => (text += piece)).on('end', () => resolve({ headers: response.headers, text }));
    }).on('error', reject);
  });
  await context.route((url) => url.pathname === '/checkout', async (route) => {
    const { headers, text } = await answer(route.request().url());
    const nonce = /'nonce-([^']+)'/.exec(headers['content-security-policy'])[1];
    const body = text.replace(/<script [^>]*data-mode="enforce"[^>]*><\/script>/, '').replace('src="/skimmers.js"', `nonce="${nonce}" src="/skimmers.js"`);
    if (body.includes('data-mode')) throw new Error('the guard is still in the page');
    const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...kept } = headers;
    await route.fulfill({ status: 200, headers: kept, body });
  });
}

/**
 * Runs skimmers in one page, as a buyer sets them off, and gives the names of those by which the card's marker arrived within `patience`
 * after they ran; those of `least` are waited for, as what is expected may be late. They have to have run, or to have led the page away where that is
 * what they do (`stays` is false): the silence of one that never ran says nothing.
 */
export async function run(context, address, names, { attacker, notes, patience, least = [], stays = true }) {
  const card = marker();
  const ports = await Promise.all(names.map(async (name) => `${name}:${await attacker.ear(`${card} by ${name}`)}`));
  const page = await context.newPage();
  await page.goto(`${address}?run=${ports.join(',')}`);
  await page.locator('#card').fill(card);
  const ran = page.waitForFunction(() => globalThis.haveRun, undefined, { timeout: 60_000 });
  // Where they never ran, the form is sent as any other.
  const isElsewhere = (frame) => frame === page.mainFrame() && !frame.url().endsWith('/blank');
  const left = page.waitForEvent('framenavigated', { predicate: isElsewhere, timeout: 60_000 });
  for (const one of [ran, left]) one.catch(() => {});
  // A click returns late, or never, where the page leaves under it.
  page.locator('#pay').click({ noWaitAfter: true }).catch(() => {});
  await (stays ? ran : Promise.any([ran, left]));
  // One whose policy nobody asked did not try what it is for.
  const unasked = await page.evaluate(() => globalThis.unasked && [...globalThis.unasked]).catch(() => []);
  if (unasked?.length) throw new Error(`no policy was asked about ${unasked}`);
  const got = () => names.filter((name) => attacker.arrived.some((line) => isOf(line, card, name)) || (name === 'same-origin' && notes.includes(card)));
  const isAwaited = (found) => least.some((name) => names.includes(name) && !found.includes(name));
  for (const start = Date.now(); ;) {
    const found = got();
    if (found.length === names.length || Date.now() - start > (isAwaited(found) ? 60_000 : patience)) break;
    await sleep(50);
  }
  for (const open of context.pages().slice(1)) await open.close();
  return got();
}

/** Runs one that puts a link into the page, which a person clicks then, and says whether the card arrived. */
export async function runAndClick(context, address, name, { attacker, patience }) {
  const card = marker();
  const page = await context.newPage();
  await page.goto(`${address}?run=${name}:0`);
  await page.locator('#card').fill(card);
  await page.locator('#pay').click({ noWaitAfter: true });
  await page.waitForFunction(() => globalThis.haveRun, undefined, { timeout: 60_000 });
  const { x, y } = await page.locator('#place').boundingBox();
  await page.mouse.click(x + 40, y + 25);
  const isThere = () => attacker.arrived.some((line) => line.startsWith('GET ') && isOf(line, card, name));
  for (const start = Date.now(); !isThere() && Date.now() - start < patience;) await sleep(50);
  for (const open of context.pages().slice(1)) await open.close();
  return isThere();
}

function isOf(line, card, name) {
  return line.includes(card) && (line.endsWith(` by ${name}`) || line.includes(`/${name}?`) || ['evil.test', 'stripe.com'].some((of) => line === `hello ${card}.${name}.${of}`));
}
