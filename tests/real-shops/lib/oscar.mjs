// django-oscar from PyPI, unmodified, under gunicorn, in a folder that goes away again.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { root } from '../../browser/lib/paths.mjs';
import { freePort, output, Program } from '../../browser/lib/processes.mjs';

const SOURCE = path.join(path.dirname(fileURLToPath(import.meta.url)), '../oscar');
const VENV = path.join(root, 'target/real-shops/oscar');

export const CUSTOMER = { email: 'ida@shop.example', password: 'blue harbour lantern 7' };
export const STAFF = { email: 'una@shop.example', password: 'green copper weather vane' };

export class Oscar {
  /** Its tables and what fills them, without a server. */
  static async made(more = {}) {
    const shop = new Oscar();
    shop.folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-oscar-'));
    const env = { OSCAR_DATA: shop.folder, PYTHONDONTWRITEBYTECODE: '1', ...more };
    const log = path.join(shop.folder, 'set-up.log');
    Object.assign(shop, { env, log });
    await install(log);
    await output(path.join(VENV, 'bin/python'), ['fill.py'], { cwd: SOURCE, env, log });
    return shop;
  }

  static async start(more = {}) {
    const shop = await Oscar.made(more);
    const { env } = shop;
    const port = await freePort();
    shop.url = `http://127.0.0.1:${port}`;
    const words = ['--no-control-socket', '-b', `127.0.0.1:${port}`, '-w', '1', '--threads', '4', 'wsgi'];
    shop.server = new Program(path.join(VENV, 'bin/gunicorn'), words, { cwd: SOURCE, env, log: path.join(shop.folder, 'shop.log') });
    await shop.server.until('first page', () => answers(`${shop.url}/catalogue/`), 120);
    return shop;
  }

  /** Fills the shop with people, whose ids it gives. */
  async people() {
    const told = await output(path.join(VENV, 'bin/python'), ['people.py'], { cwd: SOURCE, env: this.env, log: this.log });
    return JSON.parse(/\{.*\}\s*$/.exec(told)[0]);
  }

  /** How one order stands in the shop's own tables. */
  async order(number) {
    const told = await output(path.join(VENV, 'bin/python'), ['order.py', number], { cwd: SOURCE, env: this.env, log: this.log });
    return JSON.parse(/\{.*\}\s*$/.exec(told)[0]);
  }

  /** The file of its database. */
  get file() {
    return path.join(this.folder, 'oscar.sqlite');
  }

  async stop() {
    await this.server?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

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
