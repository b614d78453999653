// WordPress as Debian packages it, on a MariaDB of its own and PHP's own server, in a folder that goes away again.
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, output, Program } from '../../browser/lib/processes.mjs';

const SOURCE = path.join(path.dirname(fileURLToPath(import.meta.url)), '../wordpress');
const PACKAGE = '/usr/share/wordpress';

export const CUSTOMER = { login: 'ella', email: 'ella@people.example', password: 'grey slate roof in rain', shown: 'Ella of Kiln Yard' };
export const OTHER = { login: 'ida', email: 'ida@people.example', password: 'seven grey herons wade', shown: 'Ida of Salt Lane' };
// A role that the shop made for whoever packs: settings and users, and none of WordPress's own rights to write.
export const PACKER = { login: 'pia', email: 'pia@people.example', password: 'four green barrels roll', shown: 'Pia of the packers' };
export const OWNER = { login: 'owner', email: 'owner@shop.example', password: 'nine brass kettles whistle', shown: 'owner' };

export class WordPress {
  /** At the root of its host, or below a folder such as `/blog`; `more` is of the environment that my-account.php reads. */
  static async start(base = '', more = {}) {
    const shop = new WordPress();
    shop.base = base;
    shop.more = more;
    shop.folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-wordpress-'));
    try {
      await shop.database();
      await shop.files();
      await shop.serve();
    } catch (fault) {
      await shop.stop().catch(() => {});
      throw fault;
    }
    return shop;
  }

  async database() {
    const [data, socket] = [path.join(this.folder, 'mysql'), path.join(this.folder, 's')];
    const log = path.join(this.folder, 'mysql.log');
    const user = process.getuid() === 0 ? ['--user=root'] : [];
    const make = ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...user];
    // One that starts clears the folder for temporary files, of whichever server they are.
    const env = { TMPDIR: this.folder };
    await output('mariadb-install-db', make, { log, env });
    const words = ['--no-defaults', `--datadir=${data}`, `--socket=${socket}`, '--skip-networking', '--innodb-buffer-pool-size=64M'];
    // A crash of this server loses nothing that anybody wants.
    words.push('--innodb-flush-log-at-trx-commit=0', `--pid-file=${path.join(this.folder, 'mysql.pid')}`, ...user);
    this.mariadb = new Program('mariadbd', words, { log, env });
    const says = async (text) => {
      const ask = new Program('mariadb', ['--no-defaults', `--socket=${socket}`, '-u', 'root', '-e', text], { log });
      return (await ask.ended).code === 0;
    };
    await this.mariadb.until('answer', () => says('SELECT 1'), 60);
    if (!(await says('CREATE DATABASE wordpress'))) throw new Error('MariaDB makes no database');
    this.env = { SHOP_SOCKET: socket, SHOP_MAILS: path.join(this.folder, 'mails.jsonl'), SHOP_FOLDER: this.base, ...this.more };
  }

  async files() {
    if (!existsSync(PACKAGE)) throw new Error('the Debian package wordpress is missing; ./test --real-shops installs it');
    this.site = path.join(this.folder, 'site');
    const root = path.join(this.site, this.base);
    await mkdir(this.site, { recursive: true });
    if (this.base) await writeFile(path.join(this.site, 'index.php'), `<?php header('Location: ${this.base}/');`);
    await cp(PACKAGE, root, { recursive: true, dereference: true, filter: (file) => path.basename(file) !== 'wp-config.php' });
    await copyFile(path.join(SOURCE, 'wp-config.php'), path.join(root, 'wp-config.php'));
    await mkdir(path.join(root, 'wp-content/mu-plugins'), { recursive: true });
    await copyFile(path.join(SOURCE, 'my-account.php'), path.join(root, 'wp-content/mu-plugins/my-account.php'));
    const filled = await output('php', ['-d', 'display_errors=stderr', path.join(SOURCE, 'fill.php'), root], {
      env: this.env,
      log: path.join(this.folder, 'fill.log'),
    });
    this.application = JSON.parse(/\{.*\}\s*$/.exec(filled)[0]).application;
    this.root = root;
  }

  async serve() {
    this.port = await freePort();
    const words = ['-d', 'display_errors=0', '-S', `127.0.0.1:${this.port}`, '-t', this.site];
    const env = { ...this.env, PHP_CLI_SERVER_WORKERS: '4' };
    this.php = new Program('php', words, { env, log: path.join(this.folder, 'php.log') });
    this.url = `http://127.0.0.1:${this.port}`;
    await this.php.until('first page', async () => (await fetch(`${this.url}${this.base}/`, { redirect: 'manual' }).catch(() => null))?.status === 200, 60);
  }

  /** An update after which the session's cookies have other names. */
  async update(name) {
    const file = path.join(this.root, 'wp-content/mu-plugins/update.php');
    if (!name) return rm(file);
    const names = ['LOGGED_IN_COOKIE', 'AUTH_COOKIE', 'SECURE_AUTH_COOKIE'].map((word) => `define('${word}', '${name}_${word}');`);
    return writeFile(file, `<?php ${names.join(' ')}`);
  }

  /**
   * What the commonest hardening does to /wp-admin from outside of the owner's networks: a 403 as a web server writes it (`forbid`), a
   * way to the front page (`lead`), or WordPress's own page, as plugins show it (`die`); or what plugins and snippets do once somebody is
   * signed in, where WordPress itself shuts customers out (`inside`).
   */
  async guardOffice(answer) {
    const file = path.join(this.root, 'wp-content/mu-plugins/guard.php');
    if (!answer) return rm(file);
    const acts = {
      forbid: "http_response_code(403); exit('<h1>403 Forbidden</h1>');",
      lead: "header('Location: /', true, 302); exit;",
      die: "add_action('plugins_loaded', fn () => wp_die('Not from here', 403));",
      inside: "add_action('admin_init', fn () => wp_die('Blocked', '', ['response' => 403]));",
    };
    const asked = "is_admin() && !str_ends_with($_SERVER['SCRIPT_NAME'], '/admin-ajax.php')";
    return writeFile(file, `<?php if (${asked}) { ${acts[answer]} }`);
  }

  /** How many sessions of an account WordPress holds signed in. */
  async sessions(login) {
    const query = `SELECT meta_value FROM wp_usermeta m JOIN wp_users u ON u.ID = m.user_id WHERE user_login = '${login}' AND meta_key = 'session_tokens'`;
    const words = ['--no-defaults', `--socket=${this.env.SHOP_SOCKET}`, '-u', 'root', '-N', '-e', query, 'wordpress'];
    const told = await output('mariadb', words, { log: path.join(this.folder, 'query.log') });
    return Number(/^a:(\d+):/.exec(told.trim())?.[1] ?? 0);
  }

  /** What a query gives, as text. */
  async ask(query) {
    const words = ['--no-defaults', `--socket=${this.env.SHOP_SOCKET}`, '-u', 'root', '-N', '-e', query, 'wordpress'];
    return (await output('mariadb', words, { log: path.join(this.folder, 'query.log') })).trim();
  }

  /** What nobody but the owner may have changed: who is an administrator, who has a password for programs, what the shop is called. */
  async owned() {
    const admins = await this.ask("SELECT COUNT(*) FROM wp_usermeta WHERE meta_key = 'wp_capabilities' AND meta_value LIKE '%administrator%'");
    const users = await this.ask('SELECT user_login, user_email, user_pass FROM wp_users ORDER BY ID');
    const programs = await this.ask("SELECT user_id, meta_value FROM wp_usermeta WHERE meta_key = '_application_passwords' ORDER BY user_id");
    const options = await this.ask("SELECT option_name, option_value FROM wp_options WHERE option_name IN ('blogname', 'admin_email', 'active_plugins')");
    return { admins, users, programs, options };
  }

  /** The mails that WordPress would have sent. */
  async mails() {
    const text = await readFile(this.env.SHOP_MAILS, 'utf8').catch(() => '');
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  async stop() {
    // PHP's server has workers that it does not end by itself.
    if (this.php) await this.end(this.php, 'SIGKILL');
    if (this.mariadb) await this.end(this.mariadb, 'SIGTERM');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async end(program, signal) {
    for (const id of new Set([String(program.child.pid), ...(await program.left())])) {
      try {
        process.kill(Number(id), signal);
      } catch {
        // It has ended by itself.
      }
    }
    await program.ended;
  }
}
