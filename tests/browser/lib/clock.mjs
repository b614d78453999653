// Lets time pass for waiting times, from outside: what ends later ends so much sooner. The program has no such door; whoever can
// write into its database could do this and more.
import path from 'node:path';

import { database } from './paths.mjs';
import { output } from './processes.mjs';

export async function pass(stand, seconds) {
  const micros = seconds * 1_000_000;
  await written(
    stand,
    `UPDATE customer_recovery_wait SET ends_at = ends_at - ${micros}; ` +
      `UPDATE job SET run_at = run_at - ${micros} WHERE kind = 'identity.recovery_wait';`,
  );
}

/** Scripts of paying pages were compared more than an hour ago, and the next round is due. */
export async function compareNow(stand) {
  await written(
    stand,
    `UPDATE checkout_script SET fetched_at = fetched_at - ${3_601 * 1_000_000}; ` +
      `UPDATE job SET run_at = run_at - ${60 * 1_000_000} WHERE kind = 'checkout.fetch';`,
  );
}

/** The approval of a script is over since so many seconds. */
export async function overSince(stand, script, seconds) {
  const micros = (Date.now() - seconds * 1000) * 1000;
  await written(stand, `UPDATE checkout_script SET approved_until = ${micros} WHERE id = '${script}';`);
}

async function written(stand, sql) {
  const log = path.join(stand.dir, 'clock.log');
  if (database === 'postgres') {
    await output('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-d', stand.url, '-c', sql], { log });
  } else {
    const file = path.join(stand.dir, 'data/storeward.sqlite');
    await output('sqlite3', ['-cmd', '.timeout 20000', file, sql], { log });
  }
}
