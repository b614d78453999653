// Backups at targets of other people's making: a server that speaks S3 and checks each signature by Amazon's own code, and OpenSSH's
// sshd. Each is written, listed, read whole, drilled and restored; what is wrong is refused or found.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { database, storewardBinary } from '../browser/lib/paths.mjs';
import { freePort, output, Program } from '../browser/lib/processes.mjs';
import { freshDatabase } from '../browser/lib/stand.mjs';
import { s3 } from './lib/s3.mjs';

let dir;

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'storeward-targets-'));
});

after(() => rm(dir, { recursive: true, force: true }));

const log = () => path.join(dir, 'words.log');

/** A data directory with some customers, whose backups go to `target`. */
async function house(name, target, more, env = {}) {
  const data = path.join(dir, name);
  await output(storewardBinary, ['init', '--domain', 'localhost', '--upstream', 'http://127.0.0.1:9', '--dir', data], { log: log() });
  const [password, epochs] = [path.join(dir, `${name}-password`), path.join(dir, `${name}-epochs.json`)];
  await writeFile(password, randomBytes(24).toString('hex'), { mode: 0o600 });
  const file = path.join(data, 'storeward.toml');
  let settings = await readFile(file, 'utf8');
  if (database === 'postgres') settings = settings.replace(/^url = "sqlite:[^"]*"/m, `url = "${await freshDatabase(dir)}"`);
  await writeFile(file, /^\[vault\]/m.test(settings) ? settings : `${settings}\n[vault]\n`, { mode: 0o600 });
  const backup = `\n[backup]\ntarget = "${target}"\npassword_file = "${password}"\nepochs_copy = "${epochs}"\n${more}`;
  await appendFile(file, backup);
  const [rows, mapping] = [path.join(dir, 'rows.csv'), path.join(dir, 'mapping.toml')];
  const lines = Array.from({ length: 40 }, (_, n) => `${n},Customer ${n},c${n}@people.example`);
  await writeFile(rows, `id,name,email\n${lines.join('\n')}\n`);
  await writeFile(mapping, 'key = "id"\n[fields]\n"contact.name" = "name"\n"contact.email" = "email"\n');
  await output(storewardBinary, ['vault', 'import', rows, '--mapping', mapping, '--dir', data], { log: log() });
  const say = (words, others = env) => output(storewardBinary, ['backup', ...words, '--dir', data], { log: log(), env: others });
  return { data, password, epochs, say };
}

/** The whole way of a backup at a target. */
async function thereAndBack(name, { data, say }) {
  await say(['now']);
  assert.match(await say(['list']), /bkp_|run_|back/i);
  assert.match(await say(['verify']), /holds/);
  assert.match(await say(['drill']), /Passed/);
  // A second one, which carries little; and what is there is listed in pages of the server's own.
  await say(['now']);
  assert.match(await say(['verify', '--quick']), /./);
  const to = path.join(dir, `${name}-again`);
  assert.match(await say(['restore', '--to', to, '--keys-from', data]), /each as it was put away/);
  assert.ok(existsSync(path.join(to, database === 'postgres' ? 'storeward.sql' : 'storeward.sqlite')));
  assert.ok(existsSync(path.join(to, 'vault/keys.sqlite')));
}

/** What a word of `storeward` that fails says. */
async function refused(promise) {
  const said = await promise.then((text) => assert.fail(`it went well: ${text}`), (why) => why.message);
  return said;
}

test('S3: a server that checks every signature', async () => {
  const { server, url, made } = await s3(dir);
  try {
    const secret = path.join(dir, 's3-secret');
    await writeFile(secret, made.secret, { mode: 0o600 });
    const account = `s3_access_key = "${made.key}"\ns3_secret_key_file = "${secret}"\ns3_region = "eu-central-1"\n`;
    const well = await house('s3', `s3:${url}/ward/shop/one`, account);
    await thereAndBack('s3', well);
    // Another secret opens nothing, and is not told.
    await writeFile(secret, 'a'.repeat(40), { mode: 0o600 });
    const said = await refused(well.say(['list']));
    assert.match(said, /SignatureDoesNotMatch|403|refused/i, said);
    assert.ok(!said.includes('aaaaaaaaaa'), said);
    await writeFile(secret, made.secret, { mode: 0o600 });
    const nowhere = await house('nowhere', `s3:${url}/other/shop`, account);
    assert.match(await refused(nowhere.say(['now'])), /NoSuchBucket|404/);
  } finally {
    await server.kill();
  }
});

test('SFTP: OpenSSH on this machine, whose key is known; one whose key is not is refused', async () => {
  assert.ok(existsSync('/usr/sbin/sshd'), 'the Debian package openssh-server is missing; ./test --real-shops installs it');
  const [port, folder] = [await freePort(), path.join(dir, 'sshd')];
  await mkdir(folder, { mode: 0o700 });
  const at = (name) => path.join(folder, name);
  for (const name of ['host', 'other-host', 'user']) {
    await output('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)], { log: log() });
  }
  await writeFile(at('authorized'), await readFile(at('user.pub')), { mode: 0o600 });
  const user = os.userInfo().username;
  const settings = [
    `ListenAddress 127.0.0.1:${port}`, `HostKey ${at('host')}`, `PidFile ${at('pid')}`, `AuthorizedKeysFile ${at('authorized')}`,
    'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'UsePAM no', 'StrictModes no', 'PermitRootLogin prohibit-password',
    'Subsystem sftp internal-sftp', 'ForceCommand internal-sftp', 'AllowTcpForwarding no',
  ];
  await writeFile(at('settings'), `${settings.join('\n')}\n`);
  // What an operator's account has in ~/.ssh/known_hosts, without touching this one's.
  const known = async (name) => writeFile(at('known'), `[127.0.0.1]:${port} ${await readFile(at(`${name}.pub`), 'utf8')}`);
  await known('host');
  await writeFile(at('ssh'), `#!/bin/sh\nexec /usr/bin/ssh -o UserKnownHostsFile=${at('known')} -o GlobalKnownHostsFile=/dev/null "$@"\n`);
  await chmod(at('ssh'), 0o755);
  await mkdir('/run/sshd', { recursive: true }).catch(() => {});
  const server = new Program('/usr/sbin/sshd', ['-D', '-e', '-f', at('settings')], { log: path.join(dir, 'sshd.log') });
  try {
    await server.until('port', async () => (await output('ssh-keyscan', ['-p', String(port), '127.0.0.1'], { log: log() }).catch(() => '')).includes('ssh-ed25519'), 30);
    const env = { PATH: `${folder}:${process.env.PATH}` };
    const target = `sftp://${user}@127.0.0.1:${port}/${path.join(dir, 'put-away')}`;
    const well = await house('sftp', target, `ssh_key_file = "${at('user')}"\n`, env);
    await thereAndBack('sftp', well);
    assert.ok((await readdir(path.join(dir, 'put-away'))).length > 0);
    // A server that answers in its place.
    await known('other-host');
    assert.match(await refused(well.say(['list'])), /host key|HOST IDENTIFICATION|verification failed/i);
    await known('host');
    // A key that the server does not let in.
    await writeFile(at('authorized'), await readFile(at('other-host.pub')), { mode: 0o600 });
    assert.match(await refused(well.say(['list'])), /Permission denied/i);
  } finally {
    await server.kill();
  }
});
