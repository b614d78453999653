// Stripe's own client for Python against the stand-in. It comes from PyPI, so this stands beside the real shops.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { root } from '../browser/lib/paths.mjs';
import { output } from '../browser/lib/processes.mjs';
import { emulators } from './lib/emulators.mjs';

const SOURCE = path.join(path.dirname(fileURLToPath(import.meta.url)), 'python');
const VENV = path.join(root, 'target/payments/venv');

let at;

before(async () => {
  at = await emulators();
});

after(() => at?.stop());

test('the whole way of a payment', async () => {
  const python = path.join(VENV, 'bin/python');
  if (!existsSync(python)) await output('python3', ['-m', 'venv', VENV], { log: at.log });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', path.join(SOURCE, 'requirements.txt')];
  await output(python, pip, { log: at.log });
  const words = [path.join(SOURCE, 'flow.py'), at.stripe.address, at.stripe.secret_key, at.address];
  const said = await output(python, words, { log: path.join(at.dir, 'python.log') });
  assert.equal(said.trim().split('\n').length, 7, said);
});
