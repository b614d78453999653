// What somebody sees of a shop's staff pages behind the masks, page by page and interface by interface.
import assert from 'node:assert/strict';

import { enrol, PERSON } from '../../browser/lib/staff.mjs';

// WordPress sends whole addresses of its own along, which is an attack where they name the machine itself.
const LOCALHOST = [19110, 19111].map((rule) => `[[inspect.exceptions]]\nrule = ${rule}\nparameter = "redirect_to"\n`).join('');

export const config = (pages, paths, own) =>
  `[vault]\n[office]\npages = ${JSON.stringify(pages)}\nown = ${JSON.stringify(own)}\n` +
  `[[gate]]\nname = "back-office"\npaths = ${JSON.stringify(paths)}\n[bans]\nmode = "note"\n${LOCALHOST}`;

/** What a page of the shop answers to the browser that is signed in, as the shop's own scripts ask. */
export const fetched = (page, path, asked = {}) =>
  page.evaluate(
    async ([path, asked]) => {
      const answer = await fetch(path, { credentials: 'same-origin', ...asked });
      return { status: answer.status, body: await answer.text() };
    },
    [path, asked],
  );

/** Which of these texts stand in answers, by the path of each. */
export async function leaked(page, paths, secrets) {
  const found = [];
  for (const [path, asked] of paths) {
    const { status, body } = await fetched(page, path, asked);
    assert.ok(status < 500 || status === 502, `${path}: ${status}`);
    for (const secret of secrets) {
      const at = body.toLowerCase().indexOf(secret.toLowerCase());
      if (at >= 0) found.push(`${path}: ${body.slice(Math.max(0, at - 120), at + secret.length + 40).replaceAll(/\s+/g, ' ')}`);
    }
  }
  return found;
}

/** Which of these texts stand nowhere, though somebody may see them. */
export async function missing(page, paths, secrets) {
  let all = '';
  for (const [path, asked] of paths) all += (await fetched(page, path, asked)).body;
  return secrets.filter((secret) => !all.toLowerCase().includes(secret.toLowerCase()));
}

/** Two members of staff, each in a browser of their own: whoever owns the shop, and somebody without a role. */
export async function twoOfStaff(browser, stand) {
  const { page: owner } = await browser.visitor();
  await enrol(owner, stand.ready);
  await stand.say(['staff', 'groups', PERSON.email, 'owner']);
  const { page: nobody } = await browser.visitor();
  const [enrolment] = /https:\/\/\S+\/enrol\/\S+/.exec(await stand.say(['staff', 'invite']));
  await enrol(nobody, { ...stand.ready, enrolment }, { ...PERSON, name: 'Pip Packer', email: 'pip@shop.example' });
  return { owner, nobody };
}
