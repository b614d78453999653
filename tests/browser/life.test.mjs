// A customer's whole life, in Chromium and through the real pages: sign-up and an order at the shop, their data in the vault, an export, a
// correction, an erasure. Then the backup of the day before is restored, on this machine and on another one; each restored house is
// started and asked, and has everybody but them.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { open, picture } from './lib/chromium.mjs';
import { Console, Shop } from './lib/pages.mjs';
import { database, storewardBinary } from './lib/paths.mjs';
import { output, Program, sleep } from './lib/processes.mjs';
import { enrol, PERSON } from './lib/staff.mjs';
import { freshDatabase, sampleShop } from './lib/stand.mjs';
import { Authenticator } from './lib/totp.mjs';

const MINA = { name: 'Mina Quillfeather', email: 'mina@people.example', password: 'lamp post umbrella tea' };
const STREET = '7 Heron Steps';
const PUT_RIGHT = '9 Otter Quay';
const QUESTIONS = fileURLToPath(new URL('lib/larkmoor-import.toml', import.meta.url));

let stand;
let data;
let browser;
/** The customer's app, and that of the member of staff. */
let app;
let authenticator;
/** Of the customer: the order's number, and the page of their record at the console. */
let order;
let record;
/** The backup of the day before. */
let yesterday;

before(async () => {
  stand = await sampleShop();
  data = path.join(stand.dir, 'data');
  browser = await open(stand.ready.ca);
});

after(async () => {
  await browser?.close();
  await stand?.stop();
});

const own = (where) => new URL(`.storeward/${where}`, stand.ready.shop).href;
const staff = (where) => new URL(where, stand.ready.console).href;
const say = (...words) => output(storewardBinary, words, { cwd: stand.dir, log: path.join(stand.dir, 'words.log') });

/** The code of the newest mail to this address. */
async function code(address) {
  for (let tries = 0; tries < 400; tries += 1) {
    const names = (await readdir(stand.ready.messages)).filter((name) => name.endsWith('.txt')).sort();
    const all = await Promise.all(names.map((name) => readFile(path.join(stand.ready.messages, name), 'utf8')));
    const found = all.filter((text) => text.startsWith(`Mail to ${address}`)).map((text) => /^ {4}(\d{8})$/m.exec(text));
    if (found.some(Boolean)) return found.filter(Boolean).at(-1)[1];
    await sleep(50);
  }
  throw new Error(`no code for ${address}`);
}

/** What is in the shop's database comes into the vault, as its owner would run it every night. */
async function synchronise() {
  const address = path.join(stand.dir, 'shop-database');
  await writeFile(address, `sqlite:${path.join(data, 'sample-shop.sqlite')}`, { mode: 0o600 });
  return say('vault', 'import', '--from', QUESTIONS, '--database', address, '--dir', data);
}

/** The demo makes backups by its own clock, too; one at a time. */
async function backUp() {
  for (let tries = 0; ; tries += 1) {
    try {
      await say('backup', 'now', '--dir', data);
      break;
    } catch (why) {
      if (tries === 100 || !why.message.includes('another backup, restore or drill is under way')) throw why;
      await sleep(250);
    }
  }
  return JSON.parse(await say('backup', 'list', '--json', '--dir', data)
    .then((text) => text.split('\n').find((line) => line.startsWith('[')))).at(-1).run;
}

/** The whole copy that the customer takes along. */
async function copied(page, button) {
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: button }).click();
  return readFile(await (await saved).path(), 'utf8');
}

async function lookUp(page, address) {
  await page.goto(staff('/data'));
  await page.getByLabel('By').selectOption('contact.email');
  await page.getByLabel('Value').fill(address);
  await page.getByRole('button', { name: 'Find' }).click();
}

test('they sign up at the shop, keep an address there and order', async () => {
  const { page, context, faults } = await browser.visitor();
  const shop = new Shop(page, stand.ready.shop);
  await page.goto(new URL('account/sign-up', stand.ready.shop).href);
  await page.getByLabel('Name').fill(MINA.name);
  await page.getByLabel('E-mail address').fill(MINA.email);
  await page.getByLabel('Password').fill(MINA.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('navigation', { name: 'Your shop' }).getByText('Your account').waitFor();
  await page.goto(new URL('account/addresses', stand.ready.shop).href);
  await page.getByLabel('Name').fill(MINA.name);
  await page.getByLabel('Street and number').fill(STREET);
  await page.getByLabel('Postcode').fill('LA9 4QQ');
  await page.getByLabel('Town').fill('Kendal');
  await page.getByLabel('Country').fill('United Kingdom');
  await page.getByRole('button', { name: 'Save address' }).click();
  await page.locator('address').getByText(STREET).waitFor();
  await shop.openHome();
  await shop.openFirstCategory();
  await shop.openProduct();
  await shop.addToCart();
  await shop.openCart();
  order = await shop.checkOut();
  assert.match(order, /\S/);
  assert.deepEqual(faults, []);
  await context.close();
});

test('they see it in the security centre, take it along and put it right', async () => {
  await synchronise();
  const { page, context, faults } = await browser.visitor();
  await page.goto(own('sign-up'));
  await page.getByLabel('E-mail address').fill(MINA.email);
  await page.getByLabel('New password').fill(MINA.password);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Code from the e-mail').fill(await code(MINA.email));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
  await page.getByRole('link', { name: 'Add an authenticator app' }).click();
  await page.getByRole('button', { name: 'Begin' }).click();
  app = new Authenticator(await page.locator('code.long').innerText());
  await page.getByLabel('Type the code that the app shows').fill(await app.next());
  await page.getByRole('button', { name: 'Add the app' }).click();
  await page.getByText('Your authenticator app is added.').waitFor();
  await page.getByRole('link', { name: 'Your data' }).click();
  for (const value of [MINA.name, MINA.email, STREET, order]) await page.getByText(value).first().waitFor();
  await picture(page, `life-own-${database}`);

  const csv = await copied(page, 'Copy as CSV');
  const kept = JSON.parse(await copied(page, 'Copy as JSON'));
  assert.ok([MINA.name, MINA.email, STREET, order].every((value) => csv.includes(value)), csv);
  assert.ok([MINA.name, MINA.email, STREET, order].every((value) => JSON.stringify(kept).includes(value)));

  const street = page.locator('li').filter({ hasText: STREET });
  await street.getByText('Put right').click();
  await street.getByLabel(/The right value: Street/).fill(PUT_RIGHT);
  await street.getByRole('button', { name: 'Save' }).click();
  await page.getByText('It is put right.').waitFor();
  await page.getByText(PUT_RIGHT).waitFor();
  const after = await copied(page, 'Copy as CSV');
  assert.ok(after.includes(PUT_RIGHT) && !after.includes(STREET), after);
  assert.deepEqual(faults, []);
  await context.close();
});

test('staff find them, and the backup of that day has them', async () => {
  const { page, context } = await browser.visitor();
  authenticator = await enrol(page, stand.ready);
  await lookUp(page, MINA.email);
  await page.getByRole('heading', { name: 'A customer\'s data' }).waitFor();
  record = new URL(page.url()).pathname;
  yesterday = await backUp();
  await context.close();
});

test('they erase it, and it is gone here', async () => {
  const { page, context } = await browser.visitor();
  await signIn(page);
  await page.goto(own('data'));
  await page.getByText(PUT_RIGHT).waitFor();
  await page.getByLabel('Yes, erase it for good').check();
  await page.getByRole('button', { name: 'Erase', exact: true }).click();
  await page.getByText('Your data is erased. Your account here is closed, too.').waitFor();
  await isNobody(page);
  // The shop still has them, and the next night's run does not bring them back.
  await synchronise();
  await isNobody(page);
  await context.close();
  assert.notEqual(await backUp(), yesterday);
});

test('the backup of the day before, restored on this machine, does not bring them back', async () => {
  await stand.programs[0].stop();
  const house = path.join(stand.dir, 'restored');
  const told = await say('backup', 'restore', '--dir', data, '--run', yesterday, '--to', house, '--keys-from', data);
  assert.ok(told.includes(yesterday), told);
  await asked(house);
});

test('nor does it on another machine, with the keys that were kept apart', async () => {
  const apart = path.join(stand.dir, 'apart');
  await mkdir(path.join(apart, 'keys'), { recursive: true });
  for (const name of await readdir(path.join(data, 'keys'))) await copyFile(path.join(data, 'keys', name), path.join(apart, 'keys', name));
  await copyFile(path.join(data, 'demo-epochs-copy.json'), path.join(apart, 'epochs.json'));
  await copyFile(path.join(data, 'newest-backup.json'), path.join(apart, 'newest-backup.json'));
  const house = path.join(stand.dir, 'elsewhere');
  const password = path.join(data, 'demo-backup-password');
  const target = path.join(data, 'demo-backups');
  const words = ['--target', target, '--password-file', password, '--run', yesterday, '--to', house, '--keys-from', apart];
  const told = await say('backup', 'restore', ...words);
  assert.ok(!told.includes('BAD'), told);
  // Of that day's keys one would open them: it is the newest that are read out.
  assert.match(told, /customers' keys are those of \S+, the newest/);
  assert.match(told, /knows nothing of restrictions, withdrawals and objections after \S+, nor of erasures after backup_\S+: say them again/);
  await asked(house);
});

async function signIn(page) {
  await page.goto(own('sign-in'));
  await page.getByLabel('E-mail address').fill(MINA.email);
  await page.getByLabel('Password', { exact: true }).fill(MINA.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByLabel('Code from your authenticator app').fill(await app.next());
  await page.getByRole('button', { name: 'Go on' }).first().click();
  await page.getByRole('heading', { name: 'Security centre' }).waitFor();
}

/** They are signed out, and what they signed in with opens nothing: nobody has an account of this address. */
async function isNobody(page) {
  await page.goto(own('data'));
  await page.getByLabel('E-mail address').fill(MINA.email);
  await page.getByLabel('Password', { exact: true }).fill(MINA.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').waitFor();
  assert.match(new URL(page.url()).pathname, /sign-in$/);
  const text = await page.content();
  for (const value of [MINA.name, STREET, PUT_RIGHT, order]) assert.ok(!text.includes(value), value);
}

/** Starts what was restored, in the place of the house that is gone, and asks it: a sign-in, a look-up. */
async function asked(house) {
  // What the config names and no backup has: the stand-ins' secrets, as a shop's own are laid beside it by its owner.
  for (const name of (await readdir(data)).filter((name) => name.startsWith('demo-'))) {
    if ((await stat(path.join(data, name))).isFile()) await copyFile(path.join(data, name), path.join(house, name));
  }
  if (database === 'postgres') await load(house);
  const file = path.join(stand.dir, 'restored-ready.json');
  await rm(file, { force: true });
  const program = new Program(storewardBinary, ['run', '--dir', house, '--ready-file', file], { cwd: stand.dir, log: path.join(stand.dir, 'restored.log') });
  await program.until('ready file', () => readFile(file, 'utf8').then((text) => text.endsWith('}'), () => false), 120);
  try {
    const customer = await browser.visitor();
    // Their account of that day was closed again before anything served.
    await isNobody(customer.page);
    await customer.context.close();

    const { page, context } = await browser.visitor();
    const console = new Console(page, stand.ready.console);
    await console.openSignIn();
    await console.signIn(PERSON, await authenticator.next());
    await lookUp(page, MINA.email);
    await page.getByText('Nobody has exactly this value.').waitFor();
    await page.goto(staff(record));
    await page.getByRole('heading', { name: 'Erased' }).waitFor();
    await picture(page, `life-erased-${path.basename(house)}-${database}`);
    // Everybody else is there, and opens: it is the backup, and its keys.
    await lookUp(page, stand.ready.customer.email);
    await page.getByRole('heading', { name: 'A customer\'s data' }).waitFor();
    await page.getByLabel('What for?').selectOption('support');
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByText(stand.ready.customer.email).waitFor();
    await context.close();
  } finally {
    await program.stop();
  }
}

/** The dump goes into an empty database, which the config names from then on. */
async function load(house) {
  const url = await freshDatabase(stand.dir);
  const log = path.join(stand.dir, 'psql.log');
  await output('psql', ['-X', '-q', '-d', url, '-c', 'DROP SCHEMA public'], { log });
  await output('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-d', url, '-f', path.join(house, 'storeward.sql')], { log });
  const config = path.join(house, 'storeward.toml');
  const text = await readFile(config, 'utf8');
  assert.ok(text.includes(stand.url), 'the config names the database that was');
  await writeFile(config, text.replace(stand.url, url));
}
