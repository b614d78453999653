// The test account by which Storeward sees whether an update of the shop blinded it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const PASSWORD = 'two green lanterns sway';

export class Canary {
  static async of(user) {
    const canary = new Canary();
    canary.folder = await mkdtemp(path.join(os.tmpdir(), 'storeward-canary-'));
    const file = path.join(canary.folder, 'password');
    await writeFile(file, `${PASSWORD}\n`, { mode: 0o600 });
    canary.config = `[shield.canary]\nuser = "${user}"\npassword_file = "${file}"\nevery_minutes = 1\n`;
    return canary;
  }

  /** Reasons that the running Storeward has told so far; `mended` where it was well again. */
  async told(stand) {
    const log = await readFile(path.join(stand.dir, 'storeward.log'), 'utf8');
    const facts = log.split('\n').filter((line) => line.includes('"kind":"identity.shop_sign_in_'));
    return facts.map((line) => JSON.parse(line).data.reason ?? 'mended');
  }

  async close() {
    await rm(this.folder, { recursive: true, force: true });
  }
}
