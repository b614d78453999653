// A customer's way through django-oscar, unmodified from PyPI, over TLS and through Storeward.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { get } from '../browser/lib/attack.mjs';
import { open, picture } from '../browser/lib/chromium.mjs';
import { REFERENCE } from '../browser/lib/pages.mjs';
import { root } from '../browser/lib/paths.mjs';
import { freePort, output, Program } from '../browser/lib/processes.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { OscarShop } from './oscar-pages.mjs';

const SOURCE = path.join(path.dirname(fileURLToPath(import.meta.url)), 'oscar');
const VENV = path.join(root, 'target/real-shops/oscar');
const CUSTOMER = { email: 'ida@shop.example', password: 'blue harbour lantern 7' };

let folder;
let shop;
let stand;
let browser;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-oscar-'));
  const env = { OSCAR_DATA: folder, PYTHONDONTWRITEBYTECODE: '1' };
  const log = path.join(folder, 'set-up.log');
  await install(log);
  await output(path.join(VENV, 'bin/python'), ['fill.py'], { cwd: SOURCE, env, log });
  const port = await freePort();
  const words = ['--no-control-socket', '-b', `127.0.0.1:${port}`, '-w', '1', '--threads', '4', 'wsgi'];
  shop = new Program(path.join(VENV, 'bin/gunicorn'), words, { cwd: SOURCE, env, log: path.join(folder, 'shop.log') });
  await shop.until('first page', () => answers(`http://127.0.0.1:${port}/catalogue/`), 120);
  stand = await runInFrontOf(`http://127.0.0.1:${port}`);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await shop?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Once per checkout: the packages stay under target/. */
async function install(log) {
  const python = path.join(VENV, 'bin/python');
  if (!existsSync(python)) await output('python3', ['-m', 'venv', VENV], { log });
  const words = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', path.join(SOURCE, 'requirements.txt')];
  await output(python, words, { log });
}

async function answers(url) {
  const response = await fetch(url).catch(() => null);
  return response?.ok;
}

test('a customer browses, searches, signs in, orders and finds the order again', async () => {
  const { page, context, faults } = await browser.visitor();
  const oscar = new OscarShop(page, stand.ready.shop);

  await oscar.openHome();
  await picture(page, 'oscar-home');
  await oscar.openCategory('Tableware');
  await oscar.openProduct('Salt bowl');
  await oscar.addToBasket();
  await oscar.search('mug');
  await oscar.openProduct('Peat mug');
  await oscar.addToBasket();
  await oscar.signIn(CUSTOMER);
  await oscar.openBasket();
  for (const name of ['Salt bowl', 'Peat mug']) await oscar.basketLine(name).waitFor();
  await picture(page, 'oscar-basket');
  const number = await oscar.checkOut();
  await picture(page, 'oscar-thanks');
  await oscar.openHistory();
  await oscar.order(number).waitFor();
  await picture(page, 'oscar-orders');

  // django-oscar asks a foreign host for jQuery first and falls back to its own; here no foreign host exists.
  assert.deepEqual(faults.filter((fault) => !fault.includes('ajax.googleapis.com')), []);
  await context.close();
});

test('an attack on it is stopped', async () => {
  const url = new URL('/search/', stand.ready.shop);
  url.searchParams.set('q', "' UNION SELECT password FROM auth_user --");
  const answer = await get(url.href, stand.ready.ca, { accept: 'text/html' });
  assert.equal(answer.status, 403);
  assert.match(answer.body, REFERENCE);
});
