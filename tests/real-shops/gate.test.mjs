// The PHP and Python examples of docs/gate.md, with a real assertion and with everything that must not pass for one.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { get } from '../browser/lib/attack.mjs';
import { open } from '../browser/lib/chromium.mjs';
import { example, misuses } from '../browser/lib/examples.mjs';
import { Gate } from '../browser/lib/gate.mjs';
import { root } from '../browser/lib/paths.mjs';
import { output } from '../browser/lib/processes.mjs';
import { enrol, PERSON } from '../browser/lib/staff.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { tool } from '../browser/lib/tool.mjs';

const REQUIREMENTS = path.join(path.dirname(fileURLToPath(import.meta.url)), 'gate/requirements.txt');
const VENV = path.join(root, 'target/real-shops/gate');
const GATE = '[[gate]]\nname = "back-office"\npaths = ["/admin"]\nemail = true\n';

let own;
let stand;
let browser;
let cases;
let log;

before(async () => {
  own = await tool();
  stand = await runInFrontOf(own.url, GATE);
  log = path.join(stand.dir, 'examples.log');
  browser = await open(stand.ready.ca);
  const { page, context } = await browser.visitor();
  await enrol(page, stand.ready);
  await page.goto(new URL('/admin', stand.ready.shop).href);
  await new Gate(page, stand.ready).goOn();
  await page.getByText('"method":"GET"').waitFor();
  const { headers } = own.seen.findLast((asked) => asked.url === '/admin');
  const shop = new URL(stand.ready.shop).origin;
  const jwks = JSON.parse((await get(`${shop}/.storeward/gate/jwks.json`, stand.ready.ca)).body);
  cases = misuses({
    token: headers['storeward-assertion'],
    jwks,
    issuer: `${shop}/.storeward/gate`,
    audience: 'back-office',
    method: 'GET',
    url: `${shop}/admin`,
  });
  await context.close();
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await own?.stop();
});

/** Runs a program that reads one case a line and says what it makes of it. */
async function judge(program, words) {
  const file = path.join(stand.dir, 'cases.json');
  await writeFile(file, JSON.stringify(cases));
  const said = JSON.parse(await output(program, [...words, file], { log }));
  assert.equal(said.good, PERSON.email);
  for (const name of Object.keys(cases).filter((name) => name !== 'good')) assert.equal(said[name], null, name);
}

test('PHP', async () => {
  const file = path.join(stand.dir, 'example.php');
  const runs = `
$said = [];
foreach (json_decode(file_get_contents($argv[1]), true) as $name => $c) {
    $claims = storeward_claims($c['token'], $c['jwks'], $c['issuer'], $c['audience'], $c['method'], $c['url']);
    $said[$name] = $claims['email'] ?? null;
}
echo json_encode($said);
`;
  await writeFile(file, (await example('php')) + runs);
  await judge('php', [file]);
});

test('Python', async () => {
  const python = path.join(VENV, 'bin/python');
  if (!existsSync(python)) await output('python3', ['-m', 'venv', VENV], { log });
  await output(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS], { log });
  const file = path.join(stand.dir, 'example.py');
  const runs = `
import json, sys
said = {}
for name, c in json.load(open(sys.argv[1])).items():
    try:
        said[name] = storeward_claims(c["token"], c["jwks"], c["issuer"], c["audience"], c["method"], c["url"])["email"]
    except jwt.PyJWTError:
        said[name] = None
print(json.dumps(said))
`;
  await writeFile(file, (await example('python')) + runs);
  await judge(python, [file]);
});
