// Prints hashes as Medusa (scrypt-kdf) and Vendure (bcrypt) make them: node make.mjs >> foreign.tsv
// (npm install scrypt-kdf bcrypt)
import Scrypt from "scrypt-kdf";
import bcrypt from "bcrypt";

const line = (kind, password, stored) =>
  console.log([kind, Buffer.from(password).toString("base64"), stored].join("\t"));

for (const password of ["Lantern & Moth 1887", "päßwörd-漢字-🦉"]) {
  const small = await Scrypt.kdf(password, { logN: 10, r: 8, p: 1 });
  line("medusa", password, Buffer.from(small).toString("base64"));
}
const real = await Scrypt.kdf("Lantern & Moth 1887", { logN: 15, r: 8, p: 1 });
line("medusa", "Lantern & Moth 1887", Buffer.from(real).toString("base64"));
line("vendure", "Lantern & Moth 1887", await bcrypt.hash("Lantern & Moth 1887", 12));
