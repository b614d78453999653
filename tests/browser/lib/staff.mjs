// The first member of staff, with a password and an authenticator app.
import { Console } from './pages.mjs';
import { Authenticator } from './totp.mjs';

export const PERSON = { name: 'Ada Keeper', email: 'ada@shop.example', password: 'correct horse battery staple 9' };

/** Enrols by the one-time link; afterwards the page shows Now. Gives the authenticator for later sign-ins. */
export async function enrol(page, ready, person = PERSON) {
  const console = new Console(page, ready.console);
  await console.openEnrolment(ready.enrolment);
  const authenticator = new Authenticator(await console.shownSecret());
  await console.enrol(person, await authenticator.next());
  await console.waitForNow();
  return authenticator;
}
