// WooCommerce names its account page in the shop's language, or as the owner likes, and leads customers from the back office to it. With a
// page that the adapter does not know by name, no address was found, and every customer with the right password was refused.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Postbox } from '../browser/lib/postbox.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { Thief } from './lib/thief.mjs';
import { CUSTOMER, OTHER, WordPress } from './lib/wordpress.mjs';

const CHALLENGE = '/.storeward/challenge';
const ACCOUNT = '/mein-konto';

// The second as a plugin leaves it that keeps the REST interface for staff.
for (const rest of ['open', 'shut']) {
  describe(`an account page of another name, the REST interface ${rest}`, () => {
    let shop;
    let postbox;
    let stand;

    before(async () => {
      shop = await WordPress.start('', { SHOP_ACCOUNT: ACCOUNT, SHOP_LEADS_AWAY: '1', SHOP_REST: rest });
      postbox = await Postbox.open();
      // Who says nothing of rights with the interface shut is a customer here: what is looked at is the address.
      const shut = rest === 'shut' ? 'rights_unsaid = "customers"\n' : '';
      stand = await runInFrontOf(shop.url, `${postbox.config()}[identity]\ncustomers = "required"\n[shield]\nadapter = "auto"\n${shut}`);
    });

    after(async () => {
      await stand?.stop();
      await postbox?.close();
      await shop?.stop();
    });

    test('whoever has the password comes in by a code in the mail, by both doors', async () => {
      const atLogin = { log: CUSTOMER.login, pwd: CUSTOMER.password, testcookie: '1' };
      const onPage = { username: OTHER.email, password: OTHER.password, login: 'Log in' };
      for (const [path, form, { email, shown }] of [['/wp-login.php', atLogin, CUSTOMER], [`${ACCOUNT}/`, onPage, OTHER]]) {
        const sent = postbox.mails.filter((mail) => mail.to.includes(email)).length;
        const who = new Thief(stand.ready.shop, stand.ready.ca);
        await who.get(path);
        assert.equal((await who.post(path, form)).location, CHALLENGE, path);
        assert.ok(!(await who.get(`${ACCOUNT}/`)).body.includes(shown), 'the password alone shows nothing');
        const csrf = /name="csrf" value="([^"]+)"/.exec((await who.get(CHALLENGE)).body)[1];
        const secret = await postbox.code(email, sent + 1);
        assert.equal((await who.post(CHALLENGE, { csrf, method: 'mail', secret })).status, 303);
        assert.ok((await who.get(`${ACCOUNT}/`)).body.includes(shown), path);
      }
    });
  });
}
