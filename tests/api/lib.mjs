// Storeward with the REST interface, and a key for it.
import path from 'node:path';

import { freePort } from '../browser/lib/processes.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { tool } from '../browser/lib/tool.mjs';

export const PURPOSES = ['support', 'shipping', 'invoicing', 'dispute', 'rights_request', 'legal_claim', 'marketing'];

/** A stand with `api` (its address), `key(words)`, `log` and `stop()`. */
export async function interfaceAtWork(perSecond = 1000) {
  const own = await tool();
  const port = await freePort();
  const section = `[vault]\n[api]\nlisten = "127.0.0.1:${port}"\nrequests_per_second = ${perSecond}\n`;
  const stand = await runInFrontOf(own.url, section);
  const key = async (words) => {
    const said = await stand.say(['api-key', 'create', '--name', 'a test', ...words]);
    return /swk_[0-9a-f]{88}/.exec(said)[0];
  };
  const stop = async () => {
    await stand.stop();
    await own.stop();
  };
  return { ...stand, api: stand.ready.api, key, stop, log: path.join(stand.dir, 'api.log') };
}
