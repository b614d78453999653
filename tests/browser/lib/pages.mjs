// Page objects: every selector of these tests stands here, and nowhere else.

/** The sample shop, as a customer uses it. */
export class Shop {
  constructor(page, home) {
    this.page = page;
    this.home = home;
  }

  async openHome() {
    await this.page.goto(this.home);
    await this.page.getByRole('heading', { name: 'Things for a quiet home' }).waitFor();
  }

  async openFirstCategory() {
    await this.page.getByRole('navigation', { name: 'Categories' }).getByRole('link').first().click();
    await this.page.locator('.filters').waitFor();
  }

  /** Opens a product of the list in sight and gives its name. */
  async openProduct(number = 0) {
    const card = this.page.locator('.card > a').nth(number);
    const name = await card.getByRole('heading').innerText();
    await card.click();
    await this.page.getByRole('heading', { level: 1, name }).waitFor();
    return name;
  }

  async search(words) {
    await this.page.getByRole('searchbox', { name: 'Search the shop' }).fill(words);
    await this.page.getByRole('button', { name: 'Search' }).click();
    await this.page.getByText(/\d+ results? for/).waitFor();
  }

  async signIn({ email, password }) {
    await this.page.getByRole('navigation', { name: 'Your shop' }).getByRole('link', { name: 'Sign in' }).click();
    await this.page.getByLabel('E-mail address').fill(email);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await this.page.getByRole('navigation', { name: 'Your shop' }).getByText('Your account').waitFor();
  }

  async addToCart() {
    const count = this.page.locator('[data-cart-count]');
    const before = Number(await count.innerText());
    await this.page.getByRole('button', { name: 'Add to cart' }).click();
    await this.page.waitForFunction(
      (least) => Number(document.querySelector('[data-cart-count]')?.textContent) > least,
      before,
    );
  }

  async openCart() {
    await this.page.goto(new URL('/cart', this.home).href);
    await this.page.getByRole('heading', { name: 'Your cart' }).waitFor();
  }

  /** Pays by test card and gives the order's number. */
  async checkOut() {
    await this.page.getByRole('link', { name: 'To the checkout' }).click();
    await this.page.getByLabel(/^Invoice/).check();
    await this.page.getByRole('button', { name: 'Place order' }).click();
    await this.page.getByRole('heading', { name: 'Thank you' }).waitFor();
    return this.page.locator('.thanks strong').innerText();
  }

  async openHistory() {
    await this.page.getByRole('link', { name: 'All your orders' }).click();
    await this.page.getByRole('heading', { name: 'Your orders' }).waitFor();
  }

  order(number) {
    return this.page.getByRole('link', { name: number });
  }
}

/** What a blocked person sees in the shop's place. */
export class BlockedPage {
  constructor(page) {
    this.page = page;
    this.heading = page.getByRole('heading', { name: 'This request was stopped' });
    this.reference = page.locator('dl code');
  }
}

/** A reference number wherever it stands: on the blocked page, in problem+json. */
export const REFERENCE = /req_[0-9a-z]{26}/;

/** The same as the blocked page shows it, to be read out. */
export const SPOKEN = /^([0-9a-z]{4} ){6}[0-9a-z]{2}$/;

/** The staff console. */
export class Console {
  constructor(page, home) {
    this.page = page;
    this.home = home;
  }

  async openEnrolment(link) {
    await this.page.goto(link);
    await this.page.getByRole('heading', { name: 'Set up your account' }).waitFor();
  }

  /** The key that an authenticator app takes. */
  async shownSecret() {
    return this.page.locator('.secret').innerText();
  }

  async enrol({ name, email, password }, code) {
    await this.page.getByLabel('Your name').fill(name);
    await this.page.getByLabel('E-mail, to sign in with').fill(email);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.getByLabel('The password again').fill(password);
    await this.page.getByLabel('The code it shows').fill(code);
    await this.page.getByRole('button', { name: 'Create the account' }).click();
  }

  async openSignIn() {
    await this.page.goto(new URL('/sign-in', this.home).href);
    await this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }

  async signIn({ email, password }, code) {
    await this.page.getByLabel('E-mail').fill(email);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByLabel('Code from your authenticator app').fill(code);
    await this.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await this.waitForNow();
  }

  async signOut() {
    await this.page.getByRole('button', { name: 'Sign out' }).click();
    await this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }

  async isSignedIn() {
    return this.page.getByRole('button', { name: 'Sign out' }).isVisible();
  }

  async waitForNow() {
    await this.page.getByRole('heading', { name: 'As it happens' }).waitFor();
  }

  async openNow() {
    await this.page.goto(this.home);
    await this.waitForNow();
  }

  async waitUntilLive() {
    await this.page.locator('[data-live-state]', { hasText: /^live/i }).waitFor();
  }

  /** The row of a stopped request on Now, wherever it came from: the page or the live stream. */
  stoppedRow(reference) {
    return this.page.locator(`[data-list="blocks"] #blocks-${reference}`);
  }

  async saysNothingWasStopped() {
    return this.page.getByText('Nothing had to be stopped yet').isVisible();
  }

  async openExplore(query = '') {
    await this.page.goto(new URL(`/explore${query}`, this.home).href);
    await this.page.getByRole('heading', { level: 1, name: 'Explore' }).waitFor();
  }

  exploreRow(reference) {
    return this.page.locator(`[data-row][id$="-${reference}"]`);
  }

  async openRow(row) {
    await row.getByRole('link').first().click();
    await this.page.getByRole('heading', { name: 'All that was kept of it' }).waitFor();
  }

  async openRequest(reference) {
    await this.page.goto(new URL(`/requests/${reference}`, this.home).href);
    await this.page.getByRole('heading', { name: 'All that was kept of it' }).waitFor();
  }

  async openBlocked() {
    await this.page.goto(new URL('/blocked', this.home).href);
    await this.page.getByRole('heading', { level: 1, name: 'Blocked' }).waitFor();
  }

  async lookUp(reference) {
    await this.page.getByLabel('Reference number').fill(reference);
    await this.page.getByRole('button', { name: 'Look up' }).click();
    await this.page.getByRole('heading', { name: 'All that was kept of it' }).waitFor();
  }
}
