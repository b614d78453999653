// A MariaDB of a test's own, on a socket, in a folder that goes away again.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { output, Program } from '../../browser/lib/processes.mjs';

export class MariaDb {
  static async start(database) {
    const server = new MariaDb();
    server.folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-mariadb-'));
    const [data, log] = [path.join(server.folder, 'data'), path.join(server.folder, 'log')];
    server.socket = path.join(server.folder, 's');
    const user = process.getuid() === 0 ? ['--user=root'] : [];
    const make = ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...user];
    // One that starts clears the folder for temporary files, of whichever server they are.
    const env = { TMPDIR: server.folder };
    await output('mariadb-install-db', make, { log, env });
    const words = ['--no-defaults', `--datadir=${data}`, `--socket=${server.socket}`, '--skip-networking', '--innodb-buffer-pool-size=64M'];
    // A crash of this server loses nothing that anybody wants.
    words.push('--innodb-flush-log-at-trx-commit=0', `--pid-file=${path.join(server.folder, 'pid')}`, '--innodb-use-native-aio=0', ...user);
    server.program = new Program('mariadbd', words, { log, env });
    const says = async (text) => {
      const ask = new Program('mariadb', ['--no-defaults', `--socket=${server.socket}`, '-u', 'root', '-e', text], { log });
      return (await ask.ended).code === 0;
    };
    await server.program.until('answer', () => says('SELECT 1'), 60);
    if (!(await says(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`))) throw new Error('MariaDB makes no database');
    return server;
  }

  async stop() {
    await this.program.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
