// The gate, as a member of staff meets it.

export class Gate {
  constructor(page, ready) {
    this.page = page;
    this.ready = ready;
    this.asks = page.getByRole('heading', { name: 'Go on to the shop' });
  }

  /** At the console, where the gate led. */
  async signIn({ email, password }, code) {
    await this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await this.page.getByLabel('E-mail').fill(email);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByLabel('Code from your authenticator app').fill(code);
    await this.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await this.asks.waitFor();
  }

  async goOn() {
    await this.asks.waitFor();
    await this.page.getByRole('button', { name: 'Go on' }).click();
  }

  async open() {
    await this.page.goto(new URL('/.storeward/gate', this.ready.shop).href);
  }

  async signOut() {
    await this.page.getByRole('button', { name: 'Sign out' }).click();
    await this.page.getByText('You are signed out here').waitFor();
  }
}
