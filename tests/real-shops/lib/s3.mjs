// A server for S3 of other people's making (moto, from PyPI): it checks each signature by Amazon's own code.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { root } from '../../browser/lib/paths.mjs';
import { freePort, output, Program } from '../../browser/lib/processes.mjs';

const SOURCE = path.join(path.dirname(fileURLToPath(import.meta.url)), '../targets');
const VENV = path.join(root, 'target/real-shops/targets');

/** The running server, its address, and `{ key, secret }` of an account that may use its buckets `ward` and `proofs`, which has object lock. */
export async function s3(dir) {
  const log = path.join(dir, 's3.log');
  const python = path.join(VENV, 'bin/python');
  if (!existsSync(python)) await output('python3', ['-m', 'venv', VENV], { log });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', path.join(SOURCE, 'requirements.txt')];
  await output(python, pip, { log });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // The five calls that make the account and its buckets; whatever comes then is held against its key.
  const env = { INITIAL_NO_AUTH_ACTION_COUNT: '5', AWS_DEFAULT_REGION: 'eu-central-1' };
  const server = new Program(path.join(VENV, 'bin/moto_server'), ['-H', '127.0.0.1', '-p', String(port)], { log: path.join(dir, 'moto.log'), env });
  try {
    await server.until('port', async () => (await fetch(`${url}/moto-api/`).catch(() => null))?.ok, 60);
    const made = JSON.parse(await output(python, [path.join(SOURCE, 'bucket.py'), url], { log }));
    return { server, url, made };
  } catch (why) {
    await server.kill();
    throw why;
  }
}
