// Lets time pass for waiting times, from outside: what ends later ends so much sooner. The program has no such door; whoever can
// write into its database could do this and more.
import path from 'node:path';

import { database } from './paths.mjs';
import { output } from './processes.mjs';

export async function pass(stand, seconds) {
  const micros = seconds * 1_000_000;
  const sql =
    `UPDATE customer_recovery_wait SET ends_at = ends_at - ${micros}; ` +
    `UPDATE job SET run_at = run_at - ${micros} WHERE kind = 'identity.recovery_wait';`;
  const log = path.join(stand.dir, 'clock.log');
  if (database === 'postgres') {
    await output('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-d', stand.url, '-c', sql], { log });
  } else {
    const file = path.join(stand.dir, 'data/storeward.sqlite');
    await output('sqlite3', ['-cmd', '.timeout 20000', file, sql], { log });
  }
}
