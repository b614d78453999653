// Signing in to a shop by OpenID Connect, with Authlib from PyPI on the shop's side.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { open } from '../browser/lib/chromium.mjs';
import { root } from '../browser/lib/paths.mjs';
import { output } from '../browser/lib/processes.mjs';
import { provider, signIn, signUp } from '../browser/lib/provider.mjs';

const SOURCE = path.join(path.dirname(fileURLToPath(import.meta.url)), 'authlib');
const VENV = path.join(root, 'target/real-shops/authlib');
const ADDRESS = 'ida@people.example';

let at;
let browser;

before(async () => {
  at = await provider();
  await install(path.join(at.stand.dir, 'authlib.log'));
  browser = await open(at.stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await at?.stop();
});

/** Once per checkout: the packages stay under target/. */
async function install(log) {
  const python = path.join(VENV, 'bin/python');
  if (!existsSync(python)) await output('python3', ['-m', 'venv', VENV], { log });
  const words = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', path.join(SOURCE, 'requirements.txt')];
  await output(python, words, { log });
}

for (const preset of ['own', 'saleor']) {
  test(`Authlib: code with PKCE, user info, refresh, introspection, revocation (${preset})`, async () => {
    const client = await at.client(['--preset', preset]);
    const words = [path.join(SOURCE, 'client.py'), at.issuer, client.id, client.secret, at.relying.callback, at.stand.ready.ca];
    const shop = spawn(path.join(VENV, 'bin/python'), words, { stdio: ['pipe', 'pipe', 'inherit'] });
    const said = readline.createInterface({ input: shop.stdout })[Symbol.asyncIterator]();
    const ended = new Promise((resolve) => shop.on('close', resolve));
    const url = (await said.next()).value;

    const { page, context, faults } = await browser.visitor();
    if (preset === 'own') {
      await signUp(page, at, ADDRESS);
      await page.goto(url);
    } else {
      await page.goto(url);
      await signIn(page, ADDRESS);
    }
    await page.getByRole('heading', { name: 'Back at the shop' }).waitFor();
    const back = (await at.relying.arrival('/callback')).url;
    shop.stdin.end(`${back.href}\n`);
    const learnt = JSON.parse((await said.next()).value);
    assert.equal(await ended, 0);
    assert.equal(new Set(learnt.subjects).size, 1);
    assert.match(learnt.subjects[0], /^cust_/);
    assert.deepEqual(
      [learnt.email, learnt.active, learnt.refused, learnt.reused],
      [ADDRESS, true, 'invalid_grant', 'invalid_grant'],
    );
    assert.deepEqual(faults, []);
    await context.close();
  });
}
