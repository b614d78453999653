// The examples of docs/api.md, as they stand there, against the real interface.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { root } from '../browser/lib/paths.mjs';
import { output } from '../browser/lib/processes.mjs';
import { interfaceAtWork } from './lib.mjs';

let stand;
let env;

before(async () => {
  stand = await interfaceAtWork();
  const key = await stand.key(['--act', 'read', '--act', 'write', '--role', 'shop', '--purpose', 'shipping']);
  const packs = await stand.key(['--act', 'read', '--role', 'fulfilment', '--purpose', 'shipping']);
  env = { STOREWARD_API: stand.api, STOREWARD_KEY: key, STOREWARD_PACKING_KEY: packs, STOREWARD_CA: stand.ready.ca, NODE_EXTRA_CA_CERTS: stand.ready.ca };
});

after(() => stand?.stop());

async function run(language, ending, program, words = []) {
  const text = await readFile(path.join(root, 'docs/api.md'), 'utf8');
  const found = text.match(new RegExp(`<!-- example: ${language} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\`\\n`));
  assert.ok(found, `docs/api.md has no example in ${language}`);
  const file = path.join(stand.dir, `example.${ending}`);
  await writeFile(file, found[1]);
  return output(program, [...words, file], { env, log: stand.log });
}

test('curl', async () => {
  const opened = JSON.parse(await run('curl', 'sh', 'sh'));
  const values = opened.values.map(({ field, value }) => `${field}: ${value}`);
  assert.deepEqual(values, ['city: London', "street: 12 St James's Square"]);
});

for (const [language, ending, program] of [['php', 'php', 'php'], ['python', 'py', 'python3'], ['js', 'mjs', process.execPath]]) {
  test(language, async () => {
    assert.equal(await run(language, ending, program), "city: London\nstreet: 12 St James's Square\n");
  });
}

test('what the examples did is in the ledger, by the key, and no value is', async () => {
  const told = await stand.say(['events', '--last', '200', '--json']);
  assert.match(told, /"type":"key"/);
  for (const secret of ['ada@shop.example', 'Lovelace', 'James', env.STOREWARD_KEY.slice(0, 30)]) {
    assert.ok(!told.includes(secret), `${secret} stands in the ledger`);
  }
});
