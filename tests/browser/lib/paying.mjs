// A paying page with skimmers in it behind Storeward, an attacker's hosts, and browsers that look at it.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { sleep } from './processes.mjs';
import { payingShop, run, sink, victim, withoutGuard } from './skimmers.mjs';
import { runInFrontOf } from './stand.mjs';

/** Where these get through the page is gone: each has one of its own. */
const LEAVING = [
  'form', 'location', 'meta-refresh', 'natives-changed', 'lists-changed-for-a-link', 'lists-changed-for-a-window',
  'frame-with-a-page', 'frame-written-with-a-script', 'frame-written-with-an-element', 'frame-written-by-halves', 'own-window-lent',
  'blob-gone-to', 'window-that-opened-this', 'frame-that-leaves-from-a-sandbox', 'location-at-the-end-of-the-stack',
  // One at a time: a window above all others takes the click for itself, and so does the question for a passkey.
  'window-above-all', 'passkey-of-another', 'passkey-for-another',
];

/** What `look` gives once it fits. */
export async function until(what, look, fits) {
  let found;
  for (const end = Date.now() + 90_000; Date.now() < end;) {
    found = await look();
    if (fits(found)) return found;
    await sleep(500);
  }
  return assert.fail(`not in time: ${what}: ${JSON.stringify(found)}`);
}

export async function payingPlace() {
  const place = new Place();
  try {
    await place.start();
  } catch (error) {
    await place.stop();
    throw error;
  }
  return place;
}

class Place {
  /** Each with a profile of its own: as it is (`whole`), without lists of hosts (`old`), and that one with the guard's tag taken out (`bare`). */
  browsers = {};
  homes = [];

  async start() {
    this.attacker = await sink();
    this.shop = await payingShop(this.attacker.port);
    this.stand = await runInFrontOf(this.shop.upstream, '[checkout]\nmode = "learn"\npages = ["/checkout"]\nproviders = ["stripe", "paypal"]\n');
    for (const [name, hosts] of [['whole', true], ['old', false], ['bare', false]]) {
      this.homes.push(await mkdtemp(path.join(os.tmpdir(), 'storeward-victim-')));
      this.browsers[name] = await victim(this.homes.at(-1), { ca: this.stand.ready.ca, attacker: this.attacker, hosts });
    }
    await withoutGuard(this.browsers.bare, this.stand.ready.ca);
    const page = await this.browsers.old.newPage();
    await page.goto(`${this.shop.home}/checkout`);
    /** Their names: `ways`, `tricks`, `links` and `edges`. */
    this.skimmers = await page.evaluate(() => globalThis.skimmers);
    await page.close();
  }

  async stop() {
    for (const browser of Object.values(this.browsers)) await browser.close();
    await this.stand?.stop();
    await this.shop?.stop();
    await this.attacker?.stop();
    for (const home of this.homes) await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }

  guarded() {
    return new URL('/checkout', this.stand.ready.shop).href;
  }

  async listed(...words) {
    return JSON.parse(await this.stand.say(['checkout', ...words, '--json']));
  }

  /** The script that they stand in is approved, as a shop's own would be that turned bad, and the page held to what was; gives its headers. */
  async hold() {
    const rows = await until('rows of the page', () => this.listed('scripts', '--show', 'all'), (rows) =>
      rows.some(({ address }) => address.endsWith('/skimmers.js')) && rows.filter(({ kind }) => kind === 'inline').length === 2);
    const own = rows.find(({ kind, address }) => kind === 'script' && address.endsWith('/skimmers.js'));
    await this.stand.say(['checkout', 'approve', own.id, '--scope', 'address', '--owner', 'The shop', '--why', 'It turned bad after this']);
    // Code of the page that has a nonce, and as such a nonce that is worth stealing.
    const code = rows.filter(({ kind }) => kind === 'inline');
    for (const { id } of code) await this.stand.say(['checkout', 'approve', id, '--scope', 'shape', '--owner', 'The shop', '--why', 'Shows the total']);
    await this.stand.say(['checkout', 'hold', '/checkout', 'enforce', '--yes']);
    const page = await this.browsers.whole.newPage();
    const answer = async () => (await page.goto(this.guarded())).headers();
    const headers = await until('the policy', answer, (headers) => headers['content-security-policy'] !== undefined);
    assert.match(await page.content(), /<head><script src="\/\.storeward\/checkout\/guard\.js/);
    await page.close();
    return headers;
  }

  /** Runs those given and gives the names of those by which the marker arrived, in order. */
  async through(browser, address, names, { patience = 6000, atOnce = names.length, least = [] } = {}) {
    const staying = names.filter((name) => !LEAVING.includes(name));
    const batches = names.filter((name) => LEAVING.includes(name)).map((name) => [name]);
    while (staying.length > 0) batches.push(staying.splice(0, atOnce));
    const found = [];
    for (const batch of batches) {
      const stays = !batch.some((name) => LEAVING.includes(name));
      const { attacker, shop: { notes } } = this;
      found.push(...(await run(browser, address, batch, { attacker, notes, patience, least, stays })));
    }
    return found.sort();
  }

  /**
   * Waits for alerts with these words. Of one client sixty messages a minute are read, and the runs before may have used them up: those that
   * are to be told are tried once more then.
   */
  async told(names, wanted) {
    const isThere = (alerts) => wanted.every((words) => alerts.some(({ what, closed_at: closed }) => what.trim() === words && !closed));
    await sleep(3_000);
    await until(`alerts: ${wanted}`, async () => {
      const alerts = await this.listed('alerts');
      if (!isThere(alerts)) await this.through(this.browsers.old, this.guarded(), names, { patience: 1_500 });
      return alerts;
    }, isThere);
  }
}
