// schemathesis calls every operation of the OpenAPI document with what it allows and with what it does not: no server error, and
// no answer that the document does not have. Schemathesis comes from PyPI, so this stands beside the real shops.
// The seed is fixed and the number of examples bounded.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { root } from '../browser/lib/paths.mjs';
import { output } from '../browser/lib/processes.mjs';
import { interfaceAtWork, PURPOSES } from '../api/lib.mjs';

const REQUIREMENTS = path.join(path.dirname(fileURLToPath(import.meta.url)), 'interface/requirements.txt');
const VENV = path.join(root, 'target/api/venv');
const EXAMPLES = process.env.STOREWARD_TEST_EXAMPLES ?? '30';

let stand;

before(async () => {
  stand = await interfaceAtWork(10_000);
});

after(() => stand?.stop());

test('no server error, and nothing that the document does not say', async () => {
  const python = path.join(VENV, 'bin/python');
  if (!existsSync(python)) await output('python3', ['-m', 'venv', VENV], { log: stand.log });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
  await output(python, pip, { log: stand.log });
  const every = (name, words) => words.flatMap((word) => [name, word]);
  const key = await stand.key([
    ...every('--act', ['read', 'write', 'erase', 'export']),
    ...every('--role', ['owner', 'shop']),
    ...every('--purpose', PURPOSES),
  ]);
  const report = path.join(stand.dir, 'schemathesis.txt');
  const words = [
    'run', `${stand.api}/openapi.json`, '--tls-verify', stand.ready.ca, '--seed', '1', '--max-examples', EXAMPLES,
    // What fits the schema may still be refused: no schema says whether a text is an e-mail address, a cursor ours, a name used.
    '--checks', 'all', '--exclude-checks', 'positive_data_acceptance', '--header', `Authorization: Bearer ${key}`,
    // Where a body is refused unread the connection ends: a pool that uses it again at that moment asks once more.
    '--request-retries', '2', '--no-color', '--continue-on-failure',
    // Examples are judged as they come: hypothesis's own wall clock would make a slow machine fail.
    '--suppress-health-check', 'all', '--generation-database', 'none',
  ];
  // It ends with another code than 0 where anything is found.
  await output(path.join(VENV, 'bin/st'), words, { cwd: stand.dir, log: report }).catch(async () => {
    const text = await readFile(report, 'utf8');
    assert.fail(text.slice(-8000).replaceAll(key, 'the key'));
  });
});
