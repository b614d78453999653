// Page objects for django-oscar: every selector of its journey stands here.

export class OscarShop {
  constructor(page, home) {
    this.page = page;
    this.home = home;
  }

  async go(path) {
    await this.page.goto(new URL(path, this.home).href);
  }

  async openHome() {
    await this.go('/');
    await this.page.getByRole('heading', { name: 'All products' }).waitFor();
  }

  async openCategory(name) {
    await this.page.locator('aside').getByRole('link', { name }).click();
    await this.page.getByRole('heading', { level: 1, name }).waitFor();
  }

  async openProduct(name) {
    await this.page.locator('.product_pod h3').getByRole('link', { name }).click();
    await this.page.getByRole('heading', { level: 1, name }).waitFor();
  }

  async addToBasket() {
    await this.page.locator('#add_to_basket_form').getByRole('button', { name: 'Add to basket' }).click();
    await this.page.getByText('has been added to your basket').first().waitFor();
  }

  async search(words) {
    await this.page.locator('#id_q').fill(words);
    await this.page.getByRole('button', { name: 'Search' }).click();
    await this.page.getByText(/Found\s+\d+\s+result/).waitFor();
  }

  async signIn({ email, password }) {
    await this.go('/accounts/login/');
    await this.page.locator('#id_login-username').fill(email);
    await this.page.locator('#id_login-password').fill(password);
    await this.page.getByRole('button', { name: 'Log In' }).click();
    await this.page.locator('#logout_link').waitFor({ state: 'attached' });
  }

  async openBasket() {
    await this.go('/basket/');
    await this.page.getByRole('heading', { level: 1, name: 'Basket' }).waitFor();
  }

  basketLine(name) {
    return this.page.locator('#basket_formset').getByRole('link', { name }).last();
  }

  /** Address, delivery, payment, preview; gives the order's number. */
  async checkOut() {
    await this.page.getByRole('link', { name: 'Proceed to checkout' }).last().click();
    const form = this.page.locator('#new_shipping_address');
    await form.locator('[name=first_name]').fill('Ida');
    await form.locator('[name=last_name]').fill("O'Brien");
    await form.locator('[name=line1]').fill('4 Kiln Yard');
    await form.locator('[name=line4]').fill('Thornbeck');
    await form.locator('[name=postcode]').fill('N12 9ET');
    await form.getByRole('button', { name: 'Continue' }).click();
    await this.page.getByRole('link', { name: 'Continue' }).click();
    await this.page.getByRole('button', { name: 'Place order' }).click();
    await this.page.getByText('Your order has been placed').waitFor();
    return this.page.locator('.lead strong').innerText();
  }

  async openHistory() {
    await this.go('/accounts/orders/');
    await this.page.getByRole('heading', { name: 'Order history' }).first().waitFor();
  }

  order(number) {
    return this.page.getByRole('link', { name: number });
  }
}
