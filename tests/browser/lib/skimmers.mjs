// What skimmers meet: a paying page with a card's field and one skimmer in it, and an attacker's hosts that note all that arrives.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { chromiumBinary, root } from './paths.mjs';
import { sleep } from './processes.mjs';

const PAGE_SCRIPT = path.join(root, 'tests/browser/pages/skimmers.js');
const GUARD = path.join(root, 'crates/checkout/assets/guard.js');

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
  return {
    arrived,
    port,
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

/**
 * A shop of one paying page. `dress` puts the protection on, where it is not Storeward that does: it is given a nonce and gives
 * `{ headers, first }`, what goes out before the page and what stands first in it.
 */
export async function payingShop(port, dress = () => ({ headers: {}, first: '' })) {
  const script = await readFile(PAGE_SCRIPT);
  const guard = await readFile(GUARD);
  const notes = [];
  const reports = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    let body = '';
    request.on('data', (bytes) => (body += bytes));
    request.on('end', () => {
      const say = (type, text, headers = {}) => response.writeHead(200, { 'content-type': type, ...headers }).end(text);
      if (url.pathname === '/skimmers.js') return say('text/javascript', script);
      if (url.pathname === '/guard.js') return say('text/javascript', guard);
      if (url.pathname === '/report') {
        reports.push(JSON.parse(body));
        return response.writeHead(204).end();
      }
      if (url.pathname === '/checkout/note') {
        notes.push(body);
        return response.writeHead(204).end();
      }
      if (url.pathname === '/blank') return say('text/html', '<!doctype html><html lang="en"><title>A page like any other</title>');
      if (url.pathname === '/checkout/paid') return response.writeHead(303, { location: '/blank' }).end();
      if (url.pathname !== '/checkout') return response.writeHead(404).end();
      const nonce = randomBytes(16).toString('base64');
      const { headers, first } = dress(nonce);
      return say('text/html; charset=utf-8', page(first, nonce, url.searchParams, port), headers);
    });
  });
  const own = await listening(server);
  return {
    notes,
    reports,
    home: `http://localhost:${own}`,
    upstream: `127.0.0.1:${own}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// One tag for all skimmers, so that one approval is for all of them: an approved script that turned bad is what is tried.
function page(first, nonce, asked, port) {
  const names = asked.get('run')?.replace(/[^\w:,-]/g, '') ?? '';
  return `<!doctype html>
<html lang="en"><head>${first}<meta charset="utf-8"><title>Pay</title></head>
<body><h1>Pay</h1>
<form method="post" action="/checkout/paid"><label>Card number <input id="card" name="card" autocomplete="cc-number"></label>
<button id="pay">Pay</button></form>
<p><a id="terms" href="/blank" target="_blank">Terms</a></p>
<script nonce="${nonce}" src="/skimmers.js" data-run="${names}" data-https="${port}"></script>
</body></html>`;
}

/** A strict policy, as the guarded page gets it: no foreign host for anything. */
export function policy(nonce) {
  return [
    "default-src 'none'", `script-src 'nonce-${nonce}'`, "style-src 'self'", "img-src 'self'", "connect-src 'self'", "font-src 'self'",
    "media-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "manifest-src 'self'",
  ].join('; ');
}

/** The guard's tag. */
export async function guardTag(nonce, mode = 'enforce', to = '') {
  const hash = createHash('sha384').update(await readFile(GUARD)).digest('base64');
  return `<script src="/guard.js" integrity="sha384-${hash}" nonce="${nonce}" data-mode="${mode}" data-report="/report" data-to="${to}"></script>`;
}

/**
 * Chromium with a profile of its own, as hints are followed only there, and without what keeps popups back: an attacker waits for a click.
 * It trusts the attacker's certificate.
 */
export async function victim(home) {
  return chromium.launchPersistentContext(path.join(home, 'profile'), {
    executablePath: chromiumBinary,
    ignoreDefaultArgs: ['--disable-background-networking'],
    args: [
      '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-component-update', '--disable-sync', '--disable-gpu',
      '--ignore-certificate-errors', '--allow-loopback-in-peer-connection', '--disable-popup-blocking',
      '--host-resolver-rules=MAP *.evil.test 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1',
    ],
  });
}

/** Runs skimmers in one page, as a buyer sets them off, and gives the names of those by which the card's marker arrived. */
export async function run(context, address, names, { attacker, notes, patience }) {
  const card = marker();
  const ports = await Promise.all(names.map(async (name) => `${name}:${await attacker.ear(`${card} by ${name}`)}`));
  const page = await context.newPage();
  await page.goto(`${address}?run=${ports.join(',')}`);
  await page.locator('#card').fill(card);
  // A click returns late, or never, where the page leaves under it.
  page.locator('#pay').click({ noWaitAfter: true }).catch(() => {});
  const got = () => names.filter((name) => attacker.arrived.some((line) => isOf(line, card, name)) || (name === 'same-origin' && notes.includes(card)));
  for (const end = Date.now() + patience; Date.now() < end && got().length < names.length;) await sleep(50);
  for (const open of context.pages().slice(1)) await open.close();
  return got();
}

function isOf(line, card, name) {
  return line.includes(card) && (line.endsWith(` by ${name}`) || line.includes(`/${name}?`) || line === `hello ${card}.${name}.evil.test`);
}
