// The examples of docs/payments.md that sign a link, as they stand there, against the real page: php, Python, JS.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { open } from './lib/chromium.mjs';
import { root } from './lib/paths.mjs';
import { output } from './lib/processes.mjs';
import { sampleShop } from './lib/stand.mjs';

let stand;
let browser;
let secret;

before(async () => {
  stand = await sampleShop();
  browser = await open(stand.ready.ca);
  secret = path.join(stand.dir, 'data', 'demo-link-secret');
});

after(async () => {
  await browser?.close();
  await stand?.stop();
});

/** What each language adds to call its example: the secret is read from its file, and stands in no argument. */
const callers = {
  php: ['php', 'php', (back) => `echo pay_link(trim(file_get_contents('${secret}')), $argv[1], (int) $argv[2], 'EUR', '${back}', 'c-7');\n`],
  python: ['py', 'python3', (back) => `import sys\nprint(pay_link(open('${secret}').read().strip(), sys.argv[1], int(sys.argv[2]), 'EUR', '${back}', 'c-7'), end='')\n`],
  js: [
    'mjs',
    process.execPath,
    (back) => `import { readFileSync } from 'node:fs';
process.stdout.write(payLink(readFileSync('${secret}', 'utf8').trim(), process.argv[2], Number(process.argv[3]), 'EUR', '${back}', 'c-7'));\n`,
  ],
};

async function link(language, order, amount) {
  const text = await readFile(path.join(root, 'docs/payments.md'), 'utf8');
  const found = text.match(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\`\\n`));
  assert.ok(found, `docs/payments.md has no example in ${language}`);
  const [ending, program, call] = callers[language];
  const back = new URL('/cart?thanks=a b&ä=1', stand.ready.shop).href;
  const file = path.join(stand.dir, `link.${ending}`);
  await writeFile(file, found[1] + call(back));
  return new URL(await output(program, [file, order, String(amount)], { log: path.join(stand.dir, 'links.log') }), stand.ready.shop);
}

for (const language of Object.keys(callers)) {
  test(`a link that ${language} signed is paid, and none that was changed`, async () => {
    const { page, context, faults } = await browser.visitor();
    const signed = await link(language, `L/${language}+1`, 1234);
    const changed = new URL(signed);
    changed.searchParams.set('amount', '1');
    await page.goto(changed.href);
    await page.getByText('This link is not whole').waitFor();
    faults.length = 0;
    await page.goto(signed.href);
    await page.getByRole('heading', { name: 'Payment', level: 1 }).waitFor();
    await page.getByText(`L/${language}+1`).first().waitFor();
    await page.getByText(/12[.,]34/).first().waitFor();
    await page.getByRole('button', { name: 'Pay with PayPal' }).click();
    await page.waitForURL((url) => url.origin !== new URL(stand.ready.shop).origin);
    await page.getByRole('button', { name: /pay|agree|approve/i }).first().click();
    await page.waitForURL((url) => url.pathname === '/cart' && url.searchParams.get('thanks') === 'a b', { timeout: 30_000 });
    await page.goto(signed.href);
    await page.getByText('Paid. Thank you!').waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });
}
