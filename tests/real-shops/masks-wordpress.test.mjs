// WordPress from Debian, unmodified, behind the masks: whoever has no role sees nobody's name, address or number on its staff pages, whichever
// way it shows them; whoever owns the shop sees all of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, picture } from '../browser/lib/chromium.mjs';
import { Gate } from '../browser/lib/gate.mjs';
import { database } from '../browser/lib/paths.mjs';
import { runInFrontOf } from '../browser/lib/stand.mjs';
import { config, fetched, leaked, missing, twoOfStaff } from './lib/masks.mjs';
import { OWNER, WordPress } from './lib/wordpress.mjs';

let [shop, stand, browser, staff] = [];
const SECRETS = ['ella@people.example', 'Ella of Kiln Yard', '1632 960 123', 'greta@guests.example', 'Greta Gast', 'ida@people.example', 'Ida of Salt Lane'];
let paths;

async function signIn(page) {
  await page.goto(new URL('/wp-login.php', stand.ready.shop).href);
  await page.locator('#user_login').fill(OWNER.login);
  await page.locator('#user_pass').fill(OWNER.password);
  await page.locator('#wp-submit').click();
  await new Gate(page, stand.ready).goOn();
  await page.locator('#wpadminbar').waitFor();
}

before(async () => {
  shop = await WordPress.start();
  const ella = "(SELECT ID FROM wp_users WHERE user_login = 'ella')";
  const meta = { first_name: 'Ella', last_name: 'of Kiln Yard', description: 'Reach me at ella@people.example or +44 1632 960 123' };
  for (const [key, value] of Object.entries(meta)) await shop.ask(`UPDATE wp_usermeta SET meta_value = '${value}' WHERE user_id = ${ella} AND meta_key = '${key}'`);
  const post = "(SELECT ID FROM wp_posts WHERE post_name = 'peat-mug' LIMIT 1)";
  await shop.ask(`INSERT INTO wp_comments (comment_post_ID, comment_author, comment_author_email, comment_author_url, comment_author_IP, comment_date, comment_date_gmt, comment_content, comment_approved, comment_type) VALUES (${post}, 'Greta Gast', 'greta@guests.example', '', '192.0.2.77', NOW(), NOW(), 'Where is my parcel? Write to greta@guests.example', '0', 'comment')`);
  const id = await shop.ask(`SELECT ID FROM wp_users WHERE user_login = 'ella'`);
  const comment = await shop.ask('SELECT MAX(comment_ID) FROM wp_comments');
  const product = await shop.ask(`SELECT ID FROM wp_posts WHERE post_name = 'peat-mug' LIMIT 1`);
  stand = await runInFrontOf(shop.url, config('wordpress', ['/wp-admin'], [OWNER.email]));
  browser = await open(stand.ready.ca);
  staff = await twoOfStaff(browser, stand);
  const page = staff.nobody;
  await signIn(page);
  const nonce = (await fetched(page, '/wp-admin/admin-ajax.php?action=rest-nonce')).body.trim();
  const rest = { headers: { 'x-wp-nonce': nonce, 'content-type': 'application/json' } };
  const call = (method, more = '') => ({
    method: 'POST',
    headers: { 'content-type': 'text/xml' },
    body: `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params><param><value><int>1</int></value></param><param><value><string>${OWNER.login}</string></value></param><param><value><string>${OWNER.password}</string></value></param>${more}</params></methodCall>`,
  });
  const batch = (path, method, body) => ({ ...rest, method: 'POST', body: JSON.stringify({ requests: [{ method, path, body }] }) });
  paths = [
    ['/wp-admin/'],
    ['/wp-admin/users.php'],
    ['/wp-admin/users.php?s=ella'],
    [`/wp-admin/user-edit.php?user_id=${id}`],
    ['/wp-admin/edit-comments.php'],
    [`/wp-admin/comment.php?action=editcomment&c=${comment}`],
    [`/wp-admin/comment.php?action=delete&c=${comment}`],
    ['/wp-admin/edit.php'],
    [`/wp-admin/post.php?post=${product}&action=edit`],
    [`/wp-admin/users.php?action=delete&user=${id}`],
    ['/wp-admin/export.php?download=true&content=all'],
    ['/wp-admin/export-personal-data.php'],
    ['/wp-admin/admin-ajax.php', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `action=get-comments&p=${product}&start=0&num=20` }],
    ['/wp-json/wp/v2/users?context=edit', rest],
    [`/wp-json/wp/v2/users/${id}?context=edit`, rest],
    ['/wp-json/wp/v2/comments?context=edit&status=all', rest],
    ['/?rest_route=/wp/v2/users&context=edit', rest],
    ['/wp-json/batch/v1', batch(`/wp/v2/users/${id}`, 'PUT', {})],
    ['/wp-json/batch/v1', batch(`/wp/v2/comments/${comment}`, 'PUT', {})],
    ['/?rest_route=/batch/v1', batch(`/wp/v2/users/${id}`, 'PUT', {})],
    ['/xmlrpc.php', call('wp.getUsers')],
    ['/xmlrpc.php', call('wp.getUser', `<param><value><int>${id}</int></value></param>`)],
    ['/xmlrpc.php', call('wp.getComments')],
    ['/xmlrpc.php', call('wp.getAuthors')],
  ];
});

after(async () => {
  await browser?.close();
  await stand?.stop();
  await shop?.stop();
});

test('without a role nobody is seen, by no page and no interface', async () => {
  const { nobody: page } = staff;
  assert.deepEqual(await leaked(page, paths, SECRETS), []);
  await page.goto(new URL('/wp-admin/users.php', stand.ready.shop).href);
  await page.getByText('•••').first().waitFor();
  await picture(page, `masks-wordpress-users-${database}`);
});

test('the owner sees all of it, and saves what has dots in it', async () => {
  const { owner: page } = staff;
  await signIn(page);
  await page.goto(new URL('/wp-admin/users.php', stand.ready.shop).href);
  await page.getByText('ella@people.example').first().waitFor();
  assert.deepEqual(await missing(page, paths.filter(([path]) => path.startsWith('/wp-admin/')), SECRETS), []);
  const saved = await fetched(page, '/wp-admin/options-general.php?key=%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A21234');
  assert.equal(saved.status, 200);
});
