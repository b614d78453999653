// Where things lie in the repository.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const target = path.resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
export const storewardBinary = process.env.STOREWARD_BIN ?? path.join(target, 'debug/storeward');
export const screenshots = path.join(root, 'target/screenshots');
export const chromiumBinary = process.env.STOREWARD_CHROMIUM ?? '/usr/bin/chromium';

/** Which database Storeward keeps its ledger in: `sqlite` or `postgres`. */
export const database = process.env.STOREWARD_TEST_DATABASE ?? 'sqlite';
