// One product that everybody wants: STOCK units, BUYERS orders at once. Exactly as many are confirmed as there are units, the
// others are told so, and nothing is left. VUS at a time.
import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { newCustomer, newProduct, order, setting, stockOf, thresholds } from './lib/shop.js';

const stock = setting('STOCK', 500);
const buyers = setting('BUYERS', stock * 3);
const confirmed = new Counter('orders_confirmed');
const refused = new Counter('orders_refused');

export const options = {
  scenarios: {
    sale: { executor: 'shared-iterations', vus: setting('VUS', 50), iterations: buyers, maxDuration: `${setting('SECONDS', 300)}s` },
  },
  thresholds: thresholds(200, {
    orders_confirmed: [`count==${stock}`],
    orders_refused: [`count==${buyers - stock}`],
    'http_req_duration{kind:order}': [`p(95)<${setting('P95_MS', 1000)}`],
  }),
};

export function setup() {
  return { product: newProduct('Flash lamp', stock), token: newCustomer('crowd') };
}

export default function (sale) {
  const answer = order(sale.token, [sale.product], `sale-${sale.product}-${__VU}-${__ITER}`);
  const code = answer.status === 409 ? answer.json('code') : '';
  if (answer.status === 201) confirmed.add(1);
  if (code === 'insufficient-stock') refused.add(1);
  check(answer, { 'sold, or told that it is sold out': (r) => r.status === 201 || code === 'insufficient-stock' });
}

export function teardown(sale) {
  check(stockOf(sale.product), { 'nothing is left, and nothing is owed': (left) => left === 0 });
}
