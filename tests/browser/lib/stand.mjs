// Storeward at work in front of a shop, on free ports and in a folder of its own.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { database, storewardBinary } from './paths.mjs';
import { freePort, output, Program } from './processes.mjs';

/**
 * `storeward demo`, as a new user calls it, on the database that the run asks for. Gives `ready` (addresses, root
 * certificate's path, credentials, enrolment link) and `stop()`, which checks that everything ended cleanly.
 */
export async function sampleShop(more = []) {
  const dir = await folder();
  const file = path.join(dir, 'ready.json');
  const words = ['demo', '--dir', path.join(dir, 'data'), '--ready-file', file];
  words.push('--listen', `127.0.0.1:${await freePort()}`, '--console', `127.0.0.1:${await freePort()}`);
  const url = database === 'postgres' ? await freshDatabase(dir) : '';
  if (url) words.push('--database', url);
  const program = new Program(storewardBinary, [...words, ...more], { cwd: dir, log: path.join(dir, 'storeward.log') });
  const ready = await program.until('ready file', () => json(file));
  return { ...stand(dir, ready, [program]), url };
}

async function folder() {
  return mkdtemp(path.join(os.tmpdir(), 'storeward-browser-'));
}

/** `storeward run` in front of any shop that answers at `upstream`, under `names`. `more` of the config may be made of the shop's address. */
export async function runInFrontOf(upstream, more = '', names = ['localhost', '127.0.0.1']) {
  const dir = await folder();
  const data = path.join(dir, 'data');
  const url = database === 'postgres' ? await freshDatabase(dir) : 'sqlite:storeward.sqlite';
  await output(storewardBinary, ['init', '--domain', names[0], '--upstream', upstream, '--dir', data], {
    cwd: dir,
    log: path.join(dir, 'init.log'),
  });
  const [https, console] = [await freePort(), await freePort()];
  const sections = typeof more === 'function' ? await more(`https://${names[0]}:${https}`) : more;
  await writeFile(path.join(data, 'storeward.toml'), config(names, upstream, url, https, console, sections));
  const file = path.join(dir, 'ready.json');
  const words = ['run', '--dir', data, '--ready-file', file];
  const program = new Program(storewardBinary, words, { cwd: dir, log: path.join(dir, 'storeward.log') });
  const ready = await program.until('ready file', () => json(file));
  const said = (words) => output(storewardBinary, [...words, '--dir', data], { cwd: dir, log: path.join(dir, 'words.log') });
  const ca = path.join(dir, 'root.pem');
  await writeFile(ca, await said(['ca', 'print']));
  const invited = await said(['staff', 'invite']);
  const enrolment = /https:\/\/\S+\/enrol\/\S+/.exec(invited)[0];
  return { ...stand(dir, { ...ready, upstream, ca, enrolment }, [program]), say: said, url };
}

function config(names, upstream, url, https, console, more) {
  return `domain = ${JSON.stringify(names)}
[listen]
https = "127.0.0.1:${https}"
[console]
listen = "127.0.0.1:${console}"
[upstream]
servers = ["${upstream}"]
[certificates]
source = "local"
[inspect]
mode = "block"
[database]
url = "${url}"
${more}`;
}

/** A new database on the server of this test run. */
export async function freshDatabase(dir) {
  const server = process.env.STOREWARD_TEST_POSTGRES;
  if (!server) throw new Error('STOREWARD_TEST_POSTGRES names no server; ./test starts one');
  const name = `browser_${randomBytes(6).toString('hex')}`;
  await output('psql', ['-q', '-d', server, '-c', `CREATE DATABASE ${name}`], { log: path.join(dir, 'psql.log') });
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function json(file) {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Ends the programs in the order given, each cleanly, and takes the folder away. */
function stand(dir, ready, programs) {
  const stop = async () => {
    const faults = [];
    for (const program of programs) await program.stop().catch((fault) => faults.push(fault.message));
    if (faults.length > 0) throw new Error(faults.join('\n'));
    await rm(dir, { recursive: true, force: true });
  };
  return { dir, ready, programs, stop };
}
