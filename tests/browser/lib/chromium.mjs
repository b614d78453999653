// Chromium that trusts the development CA for real: in a home of its own, by its own certificate database.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { chromiumBinary, screenshots } from './paths.mjs';
import { output } from './processes.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-gpu',
];

/** Tests talk to this machine only: it has these names too, and whatever else the browser would look up does not exist. */
const resolver = (names) => {
  const own = names.map((name) => `MAP ${name} 127.0.0.1 , `).join('');
  return `--host-resolver-rules=${own}MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1`;
};

export async function open(ca, names = []) {
  const home = await mkdtemp(path.join(os.tmpdir(), 'storeward-chromium-'));
  const store = `sql:${path.join(home, '.pki/nssdb')}`;
  const log = path.join(home, 'certutil.log');
  await mkdir(path.join(home, '.pki/nssdb'), { recursive: true });
  await output('certutil', ['-d', store, '-N', '--empty-password'], { log });
  await output('certutil', ['-d', store, '-A', '-t', 'C,,', '-n', 'storeward-test', '-i', ca], { log });
  const browser = await chromium.launch({
    executablePath: chromiumBinary,
    args: [...FLAGS, resolver(names)],
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
  });
  await mkdir(screenshots, { recursive: true });
  return new Browser(browser, home);
}

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 900 };

class Browser {
  constructor(browser, home) {
    this.browser = browser;
    this.home = home;
  }

  /** A fresh visitor with one page, whose faults are kept from the start. */
  async visitor(options = {}) {
    const context = await this.browser.newContext({ viewport: DESKTOP, ...options });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    return { context, page, faults: watch(page) };
  }

  async close() {
    await this.browser.close();
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Everything that a visitor with open developer tools would see in red. A policy's violation is among it. */
function watch(page) {
  const faults = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? '';
    // What the browser itself gives up because the page was left is no fault of the server.
    if (why !== 'net::ERR_ABORTED') faults.push(`request: ${request.method()} ${request.url()}: ${why}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`answer: ${response.status()} ${response.url()}`);
  });
  return faults;
}

export async function picture(page, name) {
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}
