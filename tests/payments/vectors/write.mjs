// Writes vectors of webhook signatures into a folder: stripe.json, made with Stripe's official client, and paypal.json, made with
// an authority of its own. Nothing of it is kept in the repository: `node write.mjs FOLDER`.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { paypalVectors } from './paypal.mjs';
import { stripeVectors } from './stripe.mjs';

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node write.mjs FOLDER');
  process.exit(2);
}
await mkdir(folder, { recursive: true });
for (const [name, vectors] of [['stripe', stripeVectors()], ['paypal', await paypalVectors()]]) {
  await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(vectors, null, 1)}\n`);
  console.log(`${name}: ${vectors.vectors.length} vectors`);
}
