// What the scenarios share: where the shop is, who its customers are, and how one browses, orders and pays. Every call goes
// through the gateway, as a browser's would, and paying through the stand-in for Stripe.
import http from 'k6/http';
import encoding from 'k6/encoding';
import { check, sleep } from 'k6';

export const base = (__ENV.BASE_URL || 'http://localhost:8080').replace(/\/$/, '');
const stripe = (__ENV.STRIPE_URL || 'http://localhost:12111').replace(/\/$/, '');
const stripeKey = __ENV.STRIPE_KEY || 'sk_test_souk_sandbox';
const password = __ENV.DEMO_PASSWORD || 'souk-demo-2026';

/** A setting from the environment, or `otherwise`. */
export const setting = (name, otherwise) => Number(__ENV[name] || otherwise);

/** Thresholds of every scenario. `p95` is in milliseconds; P95_MS takes its place on a slow machine. */
export function thresholds(p95, more = {}) {
  const limit = setting('P95_MS', p95);
  return {
    checks: ['rate==1'],
    // Each call says which answers it expects; a sold-out shop's 409 is one.
    http_req_failed: ['rate<0.001'],
    'http_req_duration{kind:read}': [`p(95)<${limit}`],
    ...more,
  };
}

const json = (token, more = {}) => ({
  headers: Object.assign({ 'content-type': 'application/json' }, token && { authorization: `Bearer ${token}` }, more.headers),
  tags: more.tags,
  responseCallback: more.expect && http.expectedStatuses(...more.expect),
});

const read = (path, name, headers = {}) =>
  http.get(`${base}${path}`, { headers, tags: { name, kind: 'read' }, responseCallback: http.expectedStatuses(200, 304) });

/** Signs in; fails the whole run if that fails, since nothing after it would mean anything. */
export function signIn(email, secret = password) {
  const answer = http.post(`${base}/api/auth/login`, JSON.stringify({ email, password: secret }), json(null, { tags: { name: 'login' } }));
  if (answer.status !== 200) throw new Error(`cannot sign in as ${email}: ${answer.status} ${answer.body}`);
  return answer.json('accessToken');
}

/** A new customer's token. */
export function newCustomer(name) {
  const email = `${name}-${Date.now()}-${Math.floor(Math.random() * 1e9)}@load.example`;
  const body = JSON.stringify({ email, password: 'a long enough one', first_name: 'Load' });
  const answer = http.post(`${base}/api/auth/register`, body, json(null, { tags: { name: 'register' } }));
  check(answer, { 'registered': (r) => r.status === 201 });
  return signIn(email, 'a long enough one');
}

/** Makes a product of the demo's seller and returns its id. */
export function newProduct(name, stock) {
  const body = JSON.stringify({ name: `${name} ${Date.now()}`, price: '14.99', stock });
  const answer = http.post(`${base}/api/products`, body, json(signIn('seller@demo.souk'), { tags: { name: 'new product' } }));
  if (answer.status !== 201) throw new Error(`cannot make a product: ${answer.status} ${answer.body}`);
  return answer.json('id');
}

/** How much of a product can be bought. */
export const stockOf = (id) => read(`/api/products/${id}`, 'product').json('stockQuantity');

/** Looks around as a visitor does: a page, a search, categories, a product, and that product again. */
export function lookAround() {
  const page = read(`/api/products?limit=20&page=${1 + Math.floor(Math.random() * 3)}`, 'list');
  check(page, { 'list: products': (r) => r.status === 200 && r.json('products').length > 0 });
  const word = ['mug', 'lamp', 'book', 'oak', 'wool'][Math.floor(Math.random() * 5)];
  check(read(`/api/products?search=${word}&limit=20`, 'search'), { 'search: answered': (r) => r.status === 200 });
  check(read('/api/categories', 'categories'), { 'categories: an array': (r) => Array.isArray(r.json()) });
  const products = page.json('products');
  const path = `/api/products/${products[Math.floor(Math.random() * products.length)].id}`;
  const seen = read(path, 'product');
  check(seen, { 'product: has a price': (r) => r.status === 200 && /^\d+\.\d\d$/.test(r.json('price')) });
  // Stock may have moved in between: then it is 200 with another version.
  const again = read(path, 'product again', { 'if-none-match': seen.headers.Etag });
  check(again, { 'product again: not modified, or another version': (r) => r.status === 304 || r.headers.Etag !== seen.headers.Etag });
}

/** Orders `quantity` of each product under `key`; 409 is an answer too, of a shop that has sold out. */
export function order(token, products, key, quantity = 1) {
  const items = products.map((productId) => ({ productId, quantity }));
  const body = JSON.stringify({ items, shippingAddress: '1 Load Street', shippingCity: 'Utrecht' });
  const how = { headers: { 'idempotency-key': key }, tags: { name: 'order', kind: 'order' }, expect: [201, 202, 409] };
  return http.post(`${base}/api/orders`, body, json(token, how));
}

/** Confirms the payment at the stand-in for Stripe, as Stripe's library does it in a browser. */
export function pay(placed, card = 'pm_card_visa') {
  const intent = placed.json('payment.paymentIntentId');
  return http.post(`${stripe}/v1/payment_intents/${intent}/confirm`, { payment_method: card }, {
    headers: { authorization: `Basic ${encoding.b64encode(`${stripeKey}:`)}` },
    tags: { name: 'pay' },
    responseCallback: http.expectedStatuses(200, 402),
  });
}

/** Waits until the order has one of `states`, at most `seconds`; the state that it has then. */
export function waitFor(token, id, states, seconds = 30) {
  let status = '';
  for (let tries = 0; tries < seconds * 4; tries += 1) {
    status = http.get(`${base}/api/orders/${id}`, json(token, { tags: { name: 'order status', kind: 'read' } })).json('status');
    if (states.includes(status)) break;
    sleep(0.25);
  }
  return status;
}
